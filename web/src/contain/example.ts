import type { Action, Containment, Plan } from './api'

/** What tests begin with. */
export const PLAN: Plan = {
  action: 'aws.deactivate_key',
  action_version: '1',
  target: { kind: 'credential', name: 'AKIAIOSFODNN7EXAMPLE', belongs_to: [{ kind: 'account', name: 'deployer' }] },
  changes: [{ what: 'access key of deployer', before: 'Active', after: 'Inactive' }],
  blast_radius: { services: ['checkout'], people: 3, notes: [] },
  impact: 'low',
  reversibility: 'reversible',
  ttl_minutes: 240,
}

export function containment(over: Partial<Containment> = {}): Containment {
  return {
    id: 'ctn_1',
    state: 'awaiting_approval',
    action: PLAN.action,
    title: 'Deactivate the access key',
    target: PLAN.target.name,
    target_kind: 'credential',
    inputs: {},
    reason: 'it leaked',
    requested_by: { kind: 'person', id: 'per_1', name: 'Ana' },
    plan: PLAN,
    plan_sha256: 'a'.repeat(64),
    decision: { people: 1, quorum: [] },
    votes: [],
    approvals_missing: 1,
    in_effect: false,
    kept: false,
    told_by_email: true,
    ttl_minutes: 240,
    history: [],
    created_at: '2026-11-27T12:00:00Z',
    updated_at: '2026-11-27T12:00:00Z',
    version: 1,
    can: {
      approve: false,
      undo: false,
      keep: false,
      keep_for_good: false,
      settle: false,
      break_glass: false,
      cancel: false,
    },
    ...over,
  }
}

export const ACTION: Action = {
  name: 'aws.deactivate_key',
  connector: 'aws',
  connector_title: 'AWS',
  title: 'Deactivate the access key',
  target: 'credential',
  target_pattern: '^AKIA[A-Z0-9]{12,124}$',
  impact: 'low',
  reversibility: 'reversible',
  ttl_minutes_default: 240,
  inputs: [{ name: 'note', help: '', required: true, pattern: '^[^\\x00-\\x1f]{1,9}$' }],
  connected: true,
}
