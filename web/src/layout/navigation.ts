import {
  IconBook2,
  IconChecklist,
  IconInbox,
  IconMailOff,
  IconSettings,
  IconShieldCheck,
  IconTimelineEvent,
  IconUsersGroup,
} from '@tabler/icons-react'

export interface Place {
  to: string
  name: string
  /** The second key after `g`. */
  key: string
  icon: typeof IconInbox
  about: string
}

/** The screens, in the order of use. */
export const PLACES: readonly Place[] = [
  { to: '/queue', name: 'Queue', key: 'q', icon: IconInbox, about: 'incidents to decide' },
  { to: '/events', name: 'Events', key: 'e', icon: IconTimelineEvent, about: 'ask all events' },
  { to: '/services', name: 'Services', key: 's', icon: IconUsersGroup, about: 'who answers for what' },
  { to: '/rules', name: 'Rules', key: 'r', icon: IconChecklist, about: 'what detects, and what never matched' },
  { to: '/dead-letters', name: 'Dead letters', key: 'd', icon: IconMailOff, about: 'records that became no event' },
  { to: '/audit', name: 'Audit', key: 'a', icon: IconShieldCheck, about: 'who did what, with proof' },
  { to: '/settings', name: 'Settings', key: 't', icon: IconSettings, about: 'sources, tokens, people, health' },
]

export const REFERENCE = { href: '/reference', name: 'API reference', icon: IconBook2 }
