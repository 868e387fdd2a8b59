import { Button } from '@mantine/core'
import type { Facets } from '../api/pending'
import { useNameOf } from '../people/people'
import { SEVERITIES } from '../severity/severity'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { STATUSES, statusWord, verdictWord } from '../incident/words'
import { DEFAULTS, FACET_NAMES, holds, isNarrowed, toggled, type FacetName, type Filters } from './filters'
import classes from './queue.module.css'

/** Values of a facet shown before the rest is folded away. */
const SHOWN_MAX = 8

const TITLES: Record<FacetName, string> = {
  status: 'Status',
  severity: 'Severity',
  assignee: 'Assignee',
  source: 'Source',
  service: 'Service',
  rule: 'Rule',
  verdict: 'Verdict',
}

interface Props {
  filters: Filters
  facets: Facets | undefined
  ruleTitle: (id: string) => string
  onChange: (filters: Filters) => void
}

/** What there is to narrow by, with how many incidents each leaves. */
export function FacetPanel({ filters, facets, ruleTitle, onChange }: Props) {
  return (
    <>
      {FACET_NAMES.map((name) => {
        const values = valuesOf(name, facets, filters)
        return values.length === 0 ? null : (
          <Facet key={name} name={name} values={values} filters={filters} ruleTitle={ruleTitle} onChange={onChange} />
        )
      })}
      {isNarrowed(filters) ? (
        <Button
          fullWidth
          size="compact-xs"
          variant="subtle"
          onClick={() => onChange({ ...DEFAULTS, order: filters.order })}
        >
          Show all open
        </Button>
      ) : null}
    </>
  )
}

interface Shown {
  value: string
  label?: string
  count: number | null
}

function valuesOf(name: FacetName, facets: Facets | undefined, filters: Filters): Shown[] {
  const counted: Shown[] | undefined = facets?.facets[name]
  const fixed = name === 'status' ? STATUSES : name === 'severity' ? SEVERITIES : null
  if (fixed)
    return fixed.map((value) => counted?.find((each) => each.value === value) ?? { value, count: counted ? 0 : null })
  const shown = counted ?? []
  if (name === 'assignee') {
    const rest = shown.filter((each) => each.value !== 'nobody')
    const nobody = shown.find((each) => each.value === 'nobody') ?? { value: 'nobody', count: null }
    return [{ value: 'me', count: null }, nobody, ...rest]
  }
  // what is chosen stays in sight, even where nothing is left of it
  const gone = filters[name].filter((value) => !shown.some((each) => each.value === value))
  return [...gone.map((value) => ({ value, count: counted ? 0 : null })), ...shown]
}

function Facet({
  name,
  values,
  filters,
  ruleTitle,
  onChange,
}: Omit<Props, 'facets'> & { name: FacetName; values: Shown[] }) {
  const person = useNameOf()
  const many = name !== 'assignee'
  const word = ({ value, label }: Shown) => {
    if (label) return label
    if (value === 'none') return 'None'
    if (name === 'status') return statusWord(value)
    if (name === 'verdict') return verdictWord(value)
    if (name === 'rule') return ruleTitle(value)
    if (name !== 'assignee') return value
    return value === 'me' ? 'Me' : value === 'nobody' ? 'Nobody' : person(value)
  }
  return (
    <fieldset className={classes.facet}>
      <legend>{TITLES[name]}</legend>
      {values.slice(0, SHOWN_MAX).map((shown) => (
        <label key={shown.value} className={classes.value} title={word(shown)}>
          <input
            type="checkbox"
            checked={holds(filters, name, shown.value)}
            onChange={() => onChange(toggled(filters, name, shown.value))}
            role={many ? undefined : 'switch'}
          />
          <span>{name === 'severity' ? <SeverityMark severity={shown.value} /> : word(shown)}</span>
          {shown.count === null ? null : <output>{count(shown.count)}</output>}
        </label>
      ))}
    </fieldset>
  )
}
