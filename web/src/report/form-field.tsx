import { Field } from '../guest/controls'
import type { Masked, Masker } from '../privacy/mask'
import type { FormField } from './api'
import { MaskingPreview } from './masking-preview'
import classes from './report.module.css'
import { ServiceBox } from './service-box'
import type { Typing } from './values'

interface Props {
  field: FormField
  required: boolean
  value: string
  error?: string
  masked?: Masked
  brought: boolean
  masker: Masker | null
  anonymous: boolean
  onChange: (value: string, typing: Typing) => void
}

export function fieldId(name: string): string {
  return `field-${name}`
}

/** One question of a form. */
export function FormFieldControl(props: Props) {
  const { field, required, value, error, masked, brought } = props
  const help = field.help ?? (field.kind === 'list' ? 'One a line.' : '')
  return (
    <div>
      <Field
        id={fieldId(field.name)}
        label={field.label}
        required={required}
        help={help}
        error={error}
        mark={brought && value ? <span className={classes.brought}>filled in for you</span> : null}
      >
        {(described) => <Control {...props} described={{ ...described, 'aria-required': required }} />}
      </Field>
      {masked && field.kind !== 'time' && field.kind !== 'commit' ? (
        <MaskingPreview masked={masked} label="Before it is sent:" />
      ) : null}
    </div>
  )
}

function Control({ field, value, onChange, masker, anonymous, described }: Props & { described: Described }) {
  const change = (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) => {
    const { value: typed } = event.currentTarget
    const caret = 'selectionEnd' in event.currentTarget ? event.currentTarget.selectionEnd : null
    onChange(typed, { field: field.name, caret: caret ?? typed.length })
  }
  const all = { ...described, value, onChange: change }
  switch (field.kind) {
    case 'textarea':
      return <textarea {...all} rows={5} />
    case 'list':
      return <textarea {...all} rows={3} data-short />
    case 'choice':
      return (
        <select {...all}>
          <option value="">Choose…</option>
          {(field.choices ?? []).map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )
    case 'service':
      return (
        <ServiceBox
          id={described.id}
          described={described}
          value={value}
          masker={masker}
          anonymous={anonymous}
          onChange={(typed) => onChange(typed, { field: field.name, caret: typed.length })}
        />
      )
    case 'commit':
      return <input {...all} className="mono" autoComplete="off" autoCapitalize="none" spellCheck={false} />
    case 'url':
      return <input {...all} type="text" inputMode="url" autoCapitalize="none" autoComplete="off" spellCheck={false} />
    case 'time':
      return <input {...all} type="datetime-local" />
    default:
      return <input {...all} type="text" autoComplete="off" />
  }
}

type Described = Record<string, unknown> & { id: string }
