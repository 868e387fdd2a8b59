import { useQuery, keepPreviousData } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Masker } from '../privacy/mask'
import { findServices } from './api'
import classes from './report.module.css'
import { useSettled } from './settled'

const WAIT_MS = 180
/** So many digits are rather a number of a card or a telephone than a name. */
const DIGITS_MIN = 5
/** As names of services look; anything else is not asked for, so that nothing personal is by mistake. */
const ASKABLE = /^[\p{L}\p{N}][\p{L}\p{N} ._/-]{0,63}$/u

export function isAskable(typed: string, masker: Pick<Masker, 'mask'> | null): boolean {
  const digits = typed.match(/\d/g)?.length ?? 0
  return masker !== null && ASKABLE.test(typed) && digits < DIGITS_MIN && masker.mask(typed).spans.length === 0
}

interface Props {
  id: string
  value: string
  onChange: (value: string) => void
  masker: Masker | null
  anonymous: boolean
  described: Record<string, unknown>
}

/** A service, with what the catalogue has offered while one types; any other text is taken, too. */
export function ServiceBox({ id, value, onChange, masker, anonymous, described }: Props) {
  const list = useId()
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const typed = useSettled(value.trim(), WAIT_MS)
  const found = useQuery({
    queryKey: ['services', typed, anonymous],
    queryFn: ({ signal }) => findServices(typed, { anonymous, signal }),
    enabled: open && isAskable(typed, masker),
    placeholderData: keepPreviousData,
    retry: false,
  })
  const items = value.trim() === '' ? [] : (found.data?.items ?? [])
  const shown = open && items.length > 0
  const choose = (name: string) => {
    onChange(name)
    setOpen(false)
    setAt(-1)
  }
  const press = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && items.length > 0) {
      event.preventDefault()
      setOpen(true)
      setAt((before) => (before + step + items.length + (before < 0 && step < 0 ? 1 : 0)) % items.length)
    } else if (event.key === 'Enter' && shown && at >= 0) {
      event.preventDefault()
      choose(items[at]?.name ?? value)
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault()
      setOpen(false)
    }
  }
  return (
    <div className={classes.combo}>
      <input
        {...described}
        id={id}
        role="combobox"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${list}-${String(at)}` : undefined}
        value={value}
        onChange={(event) => {
          onChange(event.currentTarget.value)
          setOpen(true)
          setAt(-1)
        }}
        onKeyDown={press}
        onBlur={() => setOpen(false)}
      />
      <ul id={list} role="listbox" aria-label="Services" className={classes.options} hidden={!shown}>
        {items.map(({ name, owner }, index) => (
          <li
            key={name}
            id={`${list}-${String(index)}`}
            role="option"
            aria-selected={index === at}
            // before the field loses the focus, and with it the list
            onMouseDown={(event) => {
              event.preventDefault()
              choose(name)
            }}
          >
            <b>{name}</b> {owner ? <span className="dim">{owner}</span> : null}
          </li>
        ))}
      </ul>
      <span role="status" className={classes.hidden}>
        {shown ? `${String(items.length)} services: arrow keys to choose` : ''}
      </span>
    </div>
  )
}
