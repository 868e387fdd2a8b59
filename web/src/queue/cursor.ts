/** Where one is in the list, and what is selected; both by id, since rows come and go. */

export interface Place {
  at: string | null
  selected: ReadonlySet<string>
}

export const NOWHERE: Place = { at: null, selected: new Set() }

/** Moves by `step` rows; from nowhere, to the first or the last. */
export function moved(place: Place, ids: readonly string[], step: number): Place {
  if (ids.length === 0) return place
  const now = place.at === null ? -1 : ids.indexOf(place.at)
  const next = now < 0 ? (step > 0 ? 0 : ids.length - 1) : Math.min(Math.max(now + step, 0), ids.length - 1)
  return { ...place, at: ids[next] ?? null }
}

export function selected(place: Place, id: string): Place {
  const next = new Set(place.selected)
  if (!next.delete(id)) next.add(id)
  return { ...place, selected: next }
}

/** Selects from where one is to `id`, as Shift does. */
export function selectedTo(place: Place, ids: readonly string[], id: string): Place {
  const from = ids.indexOf(place.at ?? id)
  const to = ids.indexOf(id)
  if (from < 0 || to < 0) return selected(place, id)
  const range = ids.slice(Math.min(from, to), Math.max(from, to) + 1)
  return { at: id, selected: new Set([...place.selected, ...range]) }
}

/** What the keys act on: the selection, else where one is. */
export function targets(place: Place): string[] {
  if (place.selected.size > 0) return [...place.selected]
  return place.at === null ? [] : [place.at]
}
