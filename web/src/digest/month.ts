/** The month before this one, as two days in UTC; the second is not part of it. */
export function lastMonth(now: Date): { from: string; to: string } {
  const first = (months: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1)).toISOString().slice(0, 10)
  return { from: first(-1), to: first(0) }
}
