import type { Finding, Incident } from '../api/pending'

/** Made-up incidents and findings for tests. */
export function exampleIncident(change: Partial<Incident> = {}): Incident {
  return {
    id: 'inc_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    title: 'Secret read: ci-deployer',
    severity: 'high',
    machine_severity: 'high',
    severity_override: null,
    status: 'new',
    status_id: 1,
    assignee: null,
    verdict: null,
    verdict_id: null,
    group: { kind: 'actor', value: 'ci-deployer' },
    region: 'default',
    first_seen_ms: 1_000_000,
    last_seen_ms: 1_060_000,
    created_at_ms: 1_070_000,
    updated_at_ms: 1_070_000,
    findings: 3,
    rules: ['r1', 'r2'],
    tactics: [],
    service: null,
    owner: null,
    team: null,
    criticality: null,
    environment: null,
    related: null,
    merged_into: null,
    version: 1,
    ...change,
  }
}

export function exampleFinding(change: Partial<Finding> = {}): Finding {
  return {
    id: 'f1',
    rule_id: 'r1',
    rule_title: 'Secret read',
    rule_hash: 'h',
    engine_version: '0',
    severity: 'high',
    tags: [],
    event_id: 'e1',
    event_ids: ['e1'],
    position: 'raw/0/1',
    source: 'trail',
    region: 'default',
    time_ms: 1_000_000,
    received_at_ms: 1_000_100,
    detected_at_ms: 1_000_101,
    entities: [
      { kind: 'actor', value: 'ci-deployer' },
      { kind: 'address', value: '203.0.113.7' },
    ],
    rule_set: 's',
    stage: 'active',
    matched: [],
    event: null,
    ...change,
  } as Finding
}
