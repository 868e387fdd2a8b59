import {
  IconBook2,
  IconBook,
  IconChecklist,
  IconFlag,
  IconInbox,
  IconListCheck,
  IconLock,
  IconMailOff,
  IconMessageReport,
  IconScale,
  IconSettings,
  IconShieldCheck,
  IconTimelineEvent,
  IconUsersGroup,
} from '@tabler/icons-react'
import type { Session } from '../api/pending'
import { may } from '../session/session'

export interface Place {
  to: string
  name: string
  /** The second key after `g`. */
  key: string
  icon: typeof IconInbox
  about: string
  /** Shown only to those who have it; to all, where there is none. */
  scope?: string
  /** Shown only to somebody with a name of their own, not to a program. */
  personal?: boolean
}

/** The screens, in the order of use. */
export const PLACES: readonly Place[] = [
  {
    to: '/queue',
    name: 'Queue',
    key: 'q',
    icon: IconInbox,
    about: 'incidents to decide',
    scope: 'incidents:read',
  },
  {
    to: '/reports',
    name: 'Reports',
    key: 'p',
    icon: IconMessageReport,
    about: 'what people reported',
    scope: 'reports:read',
  },
  {
    to: '/appeals',
    name: 'Appeals',
    key: 'l',
    icon: IconScale,
    about: 'decisions to look at again',
    scope: 'reports:moderate',
  },
  {
    to: '/containments',
    name: 'Containments',
    key: 'c',
    icon: IconLock,
    about: 'what was stopped, and what waits to be',
    scope: 'containments:read',
  },
  {
    to: '/playbooks',
    name: 'Playbooks',
    key: 'b',
    icon: IconBook,
    about: 'what to do when',
    scope: 'containments:read',
  },
  {
    to: '/runs',
    name: 'Runs',
    key: 'n',
    icon: IconListCheck,
    about: 'playbooks that are being carried out',
    scope: 'containments:read',
  },
  { to: '/events', name: 'Events', key: 'e', icon: IconTimelineEvent, about: 'ask all events', scope: 'events:read' },
  {
    to: '/services',
    name: 'Services',
    key: 's',
    icon: IconUsersGroup,
    about: 'who answers for what',
    scope: 'incidents:read',
  },
  {
    to: '/rules',
    name: 'Rules',
    key: 'r',
    icon: IconChecklist,
    about: 'what detects, and what never matched',
    scope: 'rules:read',
  },
  {
    to: '/dead-letters',
    name: 'Dead letters',
    key: 'd',
    icon: IconMailOff,
    about: 'records that became no event',
    scope: 'dead-letters:read',
  },
  {
    to: '/audit',
    name: 'Audit',
    key: 'a',
    icon: IconShieldCheck,
    about: 'who did what, with proof',
    scope: 'audit:read',
  },
  {
    to: '/my-reports',
    name: 'My reports',
    key: 'm',
    icon: IconFlag,
    about: 'what I reported, and what came of it',
    personal: true,
  },
  { to: '/settings', name: 'Settings', key: 't', icon: IconSettings, about: 'sources, tokens, people, health' },
]

/** The places that somebody may enter; where scopes are unknown, the server decides. */
export function placesFor(session: Session | null): Place[] {
  return PLACES.filter(
    ({ scope, personal }) => (!scope || may(session, scope)) && (!personal || (session?.person.id ?? '') !== ''),
  )
}

export const REFERENCE = { href: '/reference', name: 'API reference', icon: IconBook2 }
