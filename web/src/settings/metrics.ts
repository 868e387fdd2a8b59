/** Reads OpenMetrics text; as much of it as a page of health needs. */

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export function samples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)
    if (!match?.[1] || line.startsWith('#')) return []
    const labels = Object.fromEntries(
      [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key, value]),
    )
    return [{ name: match[1], labels: labels as Record<string, string>, value: Number(match[3]) }]
  })
}

/** The sum over all labels; `null` where there is no such metric. */
export function total(all: readonly Sample[], name: string): number | null {
  const found = all.filter((sample) => sample.name === name)
  return found.length === 0 ? null : found.reduce((sum, sample) => sum + sample.value, 0)
}
