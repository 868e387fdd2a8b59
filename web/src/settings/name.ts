/** A name for a source of this kind that none has yet. */
export function freeName(kind: string, taken: readonly string[]): string {
  const base = kind.replaceAll('_', '-')
  if (!taken.includes(base)) return base
  let number = 2
  while (taken.includes(`${base}-${String(number)}`)) number += 1
  return `${base}-${String(number)}`
}
