/** The words of a report. */

const STATES: Record<string, string> = {
  held: 'Held',
  received: 'Received',
  needs_info: 'Question asked',
  accepted: 'Accepted',
  merged: 'Joined',
  declined: 'Declined',
  withdrawn: 'Withdrawn',
}

export function stateWord(state: string): string {
  return STATES[state] ?? state.replaceAll('_', ' ')
}

/** Those on which a decision can still be made. */
export function isUndecided(state: string): boolean {
  return ['held', 'received', 'needs_info'].includes(state)
}

const TIERS: Record<string, string> = {
  anonymous: 'anonymous',
  newcomer: 'new here',
  regular: 'regular',
  trusted: 'trusted',
  watched: 'watched',
}

export function tierWord(tier: string): string {
  return TIERS[tier] ?? tier
}
