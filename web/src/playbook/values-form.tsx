import { Autocomplete, Select } from '@mantine/core'
import type { Variable } from './api'
import classes from './playbook.module.css'
import { askedOf, plainName, suggestions } from './words'

interface Props {
  variables: readonly Variable[]
  values: Record<string, string>
  entities: readonly { kind: string; value: string }[]
  /** Names of those that are missing, once that is to be said. */
  missing: readonly string[]
  onChange: (values: Record<string, string>) => void
}

/** What a run is to know when it begins. */
export function ValuesForm({ variables, values, entities, missing, onChange }: Props) {
  const asked = askedOf(variables)
  if (asked.length === 0) return <p className="dim">It needs to be told nothing.</p>
  const put = (name: string, value: string) => onChange({ ...values, [name]: value })
  return (
    <div className={classes.values}>
      {asked.map((variable) => {
        const shared = {
          label: plainName(variable.name),
          description: variable.description ?? undefined,
          required: true,
          error: missing.includes(variable.name) ? 'It is needed' : undefined,
        }
        return variable.type === 'boolean' ? (
          <Select
            key={variable.name}
            {...shared}
            data={[
              { value: 'true', label: 'yes' },
              { value: 'false', label: 'no' },
            ]}
            value={values[variable.name] || null}
            onChange={(value) => put(variable.name, value ?? '')}
          />
        ) : (
          <Autocomplete
            key={variable.name}
            size="xs"
            {...shared}
            data={suggestions(variable, entities)}
            value={values[variable.name] ?? ''}
            onChange={(value) => put(variable.name, value)}
          />
        )
      })}
    </div>
  )
}
