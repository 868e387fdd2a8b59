import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { Component, lazy, Suspense, useState } from 'react'
import { ApiError } from '../api/problem'
import { usePath } from './address'
import { Button, Note, Waiting } from './controls'
import classes from './guest.module.css'
import { useVisitor } from './visitor'

const PAGES: readonly { path: RegExp; name: string; page: React.LazyExoticComponent<React.ComponentType> }[] = [
  { path: /^\/report\/?$/, name: 'Report', page: lazy(() => import('../report/report-page')) },
  { path: /^\/receipt\/?$/, name: 'Receipt', page: lazy(() => import('../receipt/receipt-page')) },
  { path: /^\/policy\/?$/, name: 'Policy', page: lazy(() => import('../policy/policy-page')) },
  { path: /^\/digests(\/[^/]+)?\/?$/, name: 'Digests', page: lazy(() => import('../digest/digests-page')) },
]

const RETRIES_MAX = 2

function newClient(): QueryClient {
  const again = (failures: number, error: unknown) =>
    failures < RETRIES_MAX && error instanceof ApiError && (error.status === 0 || error.status >= 500)
  return new QueryClient({ defaultOptions: { queries: { staleTime: 30_000, retry: again } } })
}

/** The pages that need no account. */
export function Guest() {
  const [client] = useState(newClient)
  return (
    <QueryClientProvider client={client}>
      <Frame />
    </QueryClientProvider>
  )
}

function Frame() {
  const path = usePath()
  const visitor = useVisitor()
  const page = PAGES.find((each) => each.path.test(path))
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">
        Skip to the content
      </a>
      <header className={classes.head}>
        <span className={classes.name}>Hue &amp; Cry</span>
        <nav aria-label="Pages" className={classes.nav}>
          <Place to="/report" path={path}>
            Report
          </Place>
          <Place to="/policy" path={path}>
            Policy
          </Place>
          <Place to="/digests" path={path}>
            Digests
          </Place>
          {visitor ? <a href="/my-reports">My reports</a> : null}
        </nav>
      </header>
      <main id="main" className={classes.main} tabIndex={-1}>
        <Fence key={path}>
          <Suspense fallback={<Waiting what="the page" />}>
            {page ? <page.page /> : <Note tone="bad" title="There is no such page" />}
          </Suspense>
        </Fence>
      </main>
    </div>
  )
}

function Place({ to, path, children }: { to: string; path: string; children: React.ReactNode }) {
  return (
    <a href={to} aria-current={path.startsWith(to) ? 'page' : undefined}>
      {children}
    </a>
  )
}

/** A part of the page that could not be loaded says so, instead of leaving nothing. */
class Fence extends Component<{ children: React.ReactNode }, { failed: boolean }> {
  state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  render() {
    if (!this.state.failed) return this.props.children
    return (
      <Note tone="bad" title="This page could not be loaded">
        <p>Look whether you are online; what you wrote before is kept on this device.</p>
        <Button onClick={() => location.reload()}>Load it again</Button>
      </Note>
    )
  }
}
