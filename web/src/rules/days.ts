const DAY_MS = 86_400_000

/** The last days as the server counts them, in UTC, today last: `2026-11-27`. */
export function lastDays(now_ms: number, days: number): string[] {
  return Array.from({ length: days }, (_, index) =>
    new Date(now_ms - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10),
  )
}
