/** How each kind of sender is set up, in the order in which they pay off: CI, cloud audit, identity provider, endpoint. */

export interface Sender {
  kind: string
  name: string
  /** What its records show that nothing else does. */
  why: string
  /** Signed webhooks need a secret that both sides know. */
  secret: boolean
}

export interface Step {
  title: string
  senders: Sender[]
}

export const STEPS: readonly Step[] = [
  {
    title: '1 · Code and CI',
    senders: [
      { kind: 'github', name: 'GitHub', why: 'pushes, workflows, members, secrets', secret: true },
      { kind: 'gitlab', name: 'GitLab', why: 'audit events, pushes, pipelines', secret: false },
    ],
  },
  {
    title: '2 · Cloud audit',
    senders: [
      {
        kind: 'aws_cloudtrail',
        name: 'AWS CloudTrail',
        why: 'every call to AWS, with the key that made it',
        secret: false,
      },
      { kind: 'gcp_audit', name: 'Google Cloud audit', why: 'every call to Google Cloud', secret: false },
      { kind: 'kubernetes_audit', name: 'Kubernetes audit', why: 'every request to a cluster', secret: false },
    ],
  },
  {
    title: '3 · Identity provider',
    senders: [
      { kind: 'okta', name: 'Okta', why: 'sign-ins, factors, administrators', secret: true },
      { kind: 'entra', name: 'Microsoft Entra', why: 'sign-ins, risk, roles, Azure activity', secret: false },
      { kind: 'google_workspace', name: 'Google Workspace', why: 'sign-ins, sharing, administration', secret: false },
      { kind: 'm365', name: 'Microsoft 365', why: 'mail rules, sharing, administration', secret: false },
      { kind: 'slack_audit', name: 'Slack', why: 'sign-ins, exports, apps', secret: false },
    ],
  },
  {
    title: '4 · Endpoint',
    senders: [
      { kind: 'windows_eventlog', name: 'Windows event log', why: 'Sysmon, Security, PowerShell', secret: false },
      { kind: 'linux_auditd', name: 'Linux auditd', why: 'programs, files, users', secret: false },
      { kind: 'falco', name: 'Falco', why: 'what happens in containers', secret: false },
      { kind: 'osquery', name: 'osquery', why: 'the state of hosts, and its changes', secret: false },
    ],
  },
]

export function senderOf(kind: string): Sender | undefined {
  return STEPS.flatMap((step) => step.senders).find((sender) => sender.kind === kind)
}

export interface SetUp {
  origin: string
  source: string
  kind: string
  /** The source's token, `hc_src_…`, shown once. */
  token: string
  secret: string
}

/** What to paste where, so that the first record comes in. */
export function instructions({ origin, source, kind, token, secret }: SetUp): { label: string; text: string }[] {
  const url = `${origin}/api/v1/ingest/${source}`
  if (kind === 'github') {
    return [
      {
        label: 'Payload URL (organisation settings → Webhooks → Add webhook)',
        text: `${origin}/api/v1/hooks/github/${source}`,
      },
      { label: 'Content type', text: 'application/json' },
      { label: 'Secret', text: secret },
      { label: 'Which events', text: 'Send me everything' },
    ]
  }
  if (kind === 'okta') {
    return [
      { label: 'URL (Workflow → Event Hooks → Create)', text: `${origin}/api/v1/hooks/okta/${source}` },
      { label: 'Authentication field', text: 'Authorization' },
      { label: 'Authentication secret', text: secret },
    ]
  }
  const send = `curl -H "Authorization: Bearer ${token}" --data-binary @FILE \\\n  ${url}`
  const specific: Record<string, { label: string; text: string }[]> = {
    aws_cloudtrail: [
      { label: 'Send a trail’s file as it lies in its bucket', text: send.replace('@FILE', '@trail.json.gz') },
    ],
    gitlab: [
      { label: 'URL of the audit event destination or webhook', text: url },
      { label: 'Custom header', text: `Authorization: Bearer ${token}` },
    ],
    kubernetes_audit: [
      {
        label: 'The API server’s webhook (kubeconfig)',
        text: `apiVersion: v1\nkind: Config\nclusters:\n- name: huecry\n  cluster: {server: "${url}"}\nusers:\n- name: api-server\n  user: {token: "${token}"}\ncontexts:\n- name: default\n  context: {cluster: huecry, user: api-server}\ncurrent-context: default`,
      },
    ],
    windows_eventlog: [
      {
        label: 'Send EVTX files',
        text: `HUECRY_URL=${origin} HUECRY_SOURCE_TOKEN=${token} \\\n  huecry ingest --source ${source} Security.evtx`,
      },
      { label: 'Or any shipper that posts JSON lines', text: send.replace('@FILE', '@events.ndjson') },
    ],
    linux_auditd: [
      { label: 'Send the log’s lines as they are', text: send.replace('@FILE', '@/var/log/audit/audit.log') },
    ],
    falco: [
      {
        label: 'falco.yaml',
        text: `json_output: true\nhttp_output:\n  enabled: true\n  url: ${url}\n  custom_headers: ["Authorization: Bearer ${token}"]`,
      },
    ],
  }
  return specific[kind] ?? [{ label: 'Send records', text: send }]
}

/** 256 bits, for a webhook’s signature. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
