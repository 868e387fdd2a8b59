import { Anchor, Button, SegmentedControl } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useContainLive } from '../contain/containments'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { principalName, useNameOf } from '../people/people'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { listRuns, type Run } from './api'
import { RunMark } from './state-mark'
import { nowWords } from './words'

const ROWS = 100
const LOOK_MS = 5_000
const SHOWN = ['any', 'running', 'completed', 'handled', 'failed', 'stopped'] as const
const SHOWN_WORDS: Record<(typeof SHOWN)[number], string> = {
  any: 'All',
  running: 'Running',
  completed: 'Completed',
  handled: 'Handled',
  failed: 'Failed',
  stopped: 'Stopped',
}

/** Playbooks that are being carried out, and those that were. */
export function RunsPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  useContainLive()
  const shown = SHOWN.find((each) => each === search.state) ?? 'any'
  const incident = search.incident
  const query = { state: shown === 'any' ? undefined : shown, incident }
  const list = useInfiniteQuery({
    queryKey: ['runs', query],
    queryFn: ({ pageParam, signal }) => listRuns({ ...query, limit: ROWS, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: LOOK_MS,
  })
  const runs = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page
      title="Runs"
      about="Playbooks that are being carried out, and those that were."
      tools={
        <>
          {incident ? (
            <Button variant="default" component={Link} to="/runs">
              Of all incidents
            </Button>
          ) : null}
          <div className="scroll-x">
            <SegmentedControl
              aria-label="Which runs"
              value={shown}
              data={SHOWN.map((value) => ({ value, label: SHOWN_WORDS[value] }))}
              onChange={(state) =>
                void navigate({
                  to: '/runs',
                  search: { ...(state === 'any' ? {} : { state }), ...(incident ? { incident } : {}) },
                  replace: true,
                })
              }
            />
          </div>
        </>
      }
    >
      {list.isPending ? <Loading lines={8} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="Runs" retry={() => void list.refetch()} /> : null}
      {list.data && runs.length === 0 ? (
        <Empty
          title="No such runs"
          action={
            <Button variant="default" component={Link} to="/playbooks">
              Playbooks
            </Button>
          }
        >
          A run begins on an incident, by “Run a playbook…”, or on a playbook’s page.
        </Empty>
      ) : null}
      {runs.length > 0 ? <Table runs={runs} /> : null}
      {list.hasNextPage ? (
        <Button m="sm" variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {count(runs.length)} loaded: load more
        </Button>
      ) : null}
    </Page>
  )
}

function Table({ runs }: { runs: readonly Run[] }) {
  const name = useNameOf()
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Runs">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Playbook</th>
            <th scope="col">State</th>
            <th scope="col">Now</th>
            <th scope="col">Begun by</th>
            <th scope="col">Begun</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <td>
                <Anchor
                  size="sm"
                  fw={600}
                  renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: run.id }} />}
                >
                  {run.playbook_name}
                </Anchor>
                <div className="dim wrap">{run.reason}</div>
              </td>
              <td className="nowrap">
                <RunMark state={run.state} />
              </td>
              <td className="wrap">{nowWords(run)}</td>
              <td>{principalName(run.requested_by, name)}</td>
              <td className="nowrap">
                <Instant ms={Date.parse(run.started_at)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
