import type { Incident } from '../api/pending'
import { cellText } from '../events/lake'

export interface Service {
  name: string
  owner: string
  team: string
  criticality: string
  environment: string
  saidBy: string
  events: number
  newest_ms: number
  open: number
}

/** Rows of the lake (service, owner, team, criticality, environment, catalogue, events, newest) with open incidents. */
export function servicesOf(rows: readonly unknown[][], incidents: readonly Incident[]): Service[] {
  const open = new Map<string, number>()
  for (const { service } of incidents) if (service) open.set(service, (open.get(service) ?? 0) + 1)
  return rows.map((row) => {
    const [name, owner, team, criticality, environment, saidBy] = row.slice(0, 6).map(cellText)
    return {
      name: name ?? '',
      owner: owner ?? '',
      team: team ?? '',
      criticality: criticality ?? '',
      environment: environment ?? '',
      saidBy: saidBy ?? '',
      events: Number(row[6] ?? 0),
      newest_ms: Date.parse(cellText(row[7])) || 0,
      open: open.get(name ?? '') ?? 0,
    }
  })
}
