/** What tokens may do, as the server knows it. */
export const SCOPES = [
  { name: 'incidents:read', about: 'read incidents, findings and comments' },
  { name: 'incidents:write', about: 'assign, comment, decide' },
  { name: 'incidents:restricted', about: 'see and change what else only those see who have it' },
  { name: 'events:read', about: 'ask the lake; personal values are masked' },
  { name: 'events:read_personal', about: 'see personal values and whole records' },
  { name: 'rules:read', about: 'see which rules run and how they do' },
  { name: 'rules:write', about: 'load rules again, decide their stages' },
  { name: 'dead-letters:read', about: 'read what became no event' },
  { name: 'dead-letters:write', about: 'drive dead letters again' },
  { name: 'audit:read', about: 'read the audit record' },
  { name: 'audit:write', about: 'erase values, record evidence packs' },
  { name: 'sources:admin', about: 'make and remove sources' },
  { name: 'tokens:admin', about: 'make and revoke tokens' },
  { name: 'people:admin', about: 'give roles, keep people out, make one-time links' },
  { name: 'reports:read', about: 'read reports of people' },
  { name: 'reports:write', about: 'report for a program, make signed links of the form' },
  { name: 'reports:moderate', about: 'decide reports, appeals and digests' },
  { name: 'mcp:use', about: 'speak the model context protocol' },
  { name: 'metrics:read', about: 'scrape metrics' },
] as const

export const ROLES = [
  'reporter',
  'responder',
  'detection_engineer',
  'service_owner',
  'moderator',
  'privacy_officer',
  'auditor',
  'admin',
] as const
