import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { Home } from './layout/home'
import { NotFound } from './layout/not-found'
import { Shell } from './layout/shell'
import { readFilters } from './queue/filters'

/** Search parameters are texts; each screen reads its own out of them. */
type Search = Record<string, string>

function texts(search: Record<string, unknown>): Search {
  const entries = Object.entries(search).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]))
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, validateSearch: texts })

const home = createRoute({ getParentRoute: () => root, path: '/', component: Home })
const enter = createRoute({ getParentRoute: () => root, path: '/enter' })
const queue = createRoute({
  getParentRoute: () => root,
  path: '/queue',
  loaderDeps: ({ search }) => readFilters(search),
  component: lazyRouteComponent(() => import('./queue/queue-page'), 'QueuePage'),
})
const incident = createRoute({
  getParentRoute: () => root,
  path: '/incidents/$id',
  component: lazyRouteComponent(() => import('./incident/incident-page'), 'IncidentPage'),
})
const events = createRoute({
  getParentRoute: () => root,
  path: '/events',
  component: lazyRouteComponent(() => import('./events/events-page'), 'EventsPage'),
})
const services = createRoute({
  getParentRoute: () => root,
  path: '/services',
  component: lazyRouteComponent(() => import('./services/services-page'), 'ServicesPage'),
})
const rules = createRoute({
  getParentRoute: () => root,
  path: '/rules',
  component: lazyRouteComponent(() => import('./rules/rules-page'), 'RulesPage'),
})
const rule = createRoute({
  getParentRoute: () => root,
  path: '/rules/$id',
  component: lazyRouteComponent(() => import('./rules/rule-page'), 'RulePage'),
})
const deadLetters = createRoute({
  getParentRoute: () => root,
  path: '/dead-letters',
  component: lazyRouteComponent(() => import('./dead-letters/dead-letters-page'), 'DeadLettersPage'),
})
const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  component: lazyRouteComponent(() => import('./audit/audit-page'), 'AuditPage'),
})
const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/$section', params: { section: 'sources' } })
  },
})
const settingsSection = createRoute({
  getParentRoute: () => root,
  path: '/settings/$section',
  component: lazyRouteComponent(() => import('./settings/settings-page'), 'SettingsPage'),
})

const reports = createRoute({
  getParentRoute: () => root,
  path: '/reports',
  component: lazyRouteComponent(() => import('./moderation/reports-page'), 'ReportsPage'),
})
const appeals = createRoute({
  getParentRoute: () => root,
  path: '/appeals',
  component: lazyRouteComponent(() => import('./appeal/appeals-page'), 'AppealsPage'),
})
const myReports = createRoute({
  getParentRoute: () => root,
  path: '/my-reports',
  component: lazyRouteComponent(() => import('./reporter/my-reports-page'), 'MyReportsPage'),
})
const digestDrafts = createRoute({
  getParentRoute: () => root,
  path: '/digest-drafts',
  component: lazyRouteComponent(() => import('./digest/drafts-page'), 'DraftsPage'),
})

const containments = createRoute({
  getParentRoute: () => root,
  path: '/containments',
  component: lazyRouteComponent(() => import('./contain/containments-page'), 'ContainmentsPage'),
})
const containment = createRoute({
  getParentRoute: () => root,
  path: '/containments/$id',
  component: lazyRouteComponent(() => import('./contain/containment-page'), 'ContainmentPage'),
})
const playbooks = createRoute({
  getParentRoute: () => root,
  path: '/playbooks',
  component: lazyRouteComponent(() => import('./playbook/playbooks-page'), 'PlaybooksPage'),
})
const playbook = createRoute({
  getParentRoute: () => root,
  path: '/playbooks/$id',
  component: lazyRouteComponent(() => import('./playbook/playbook-page'), 'PlaybookPage'),
})
const runs = createRoute({
  getParentRoute: () => root,
  path: '/runs',
  component: lazyRouteComponent(() => import('./playbook/runs-page'), 'RunsPage'),
})
const run = createRoute({
  getParentRoute: () => root,
  path: '/runs/$id',
  component: lazyRouteComponent(() => import('./playbook/run-page'), 'RunPage'),
})

const tree = root.addChildren([
  home,
  enter,
  queue,
  incident,
  events,
  services,
  rules,
  rule,
  deadLetters,
  audit,
  settings,
  settingsSection,
  reports,
  appeals,
  myReports,
  digestDrafts,
  containments,
  containment,
  playbooks,
  playbook,
  runs,
  run,
])

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  scrollRestoration: true,
  // plain texts in the address, so that it can be read, typed and sent
  stringifySearch: (search) => {
    const text = new URLSearchParams(texts(search))
      .toString()
      .replaceAll('%2C', ',')
      .replaceAll('%3A', ':')
      .replaceAll('%40', '@')
    return text ? `?${text}` : ''
  },
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
