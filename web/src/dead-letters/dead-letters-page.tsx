import { Badge, Button, Checkbox, Drawer, Group, Progress, SegmentedControl, Text } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, callJson, unwrap } from '../api/client'
import type { Page as Listed } from '../api/pending'
import { ApiError } from '../api/problem'
import type { components } from '../api/schema'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone, noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { parsed } from '../incident/incident'
import { JsonView } from '../json/json-view'
import { Page } from '../layout/page'
import { useMay } from '../session/use-session'
import { bytes, count } from '../time/format'
import { Instant } from '../time/instant'
import { driveAgain, placeOf } from './drive'

type DeadLetter = components['schemas']['DeadLetterView']

const STATUSES = [
  { value: 'open', label: 'Open' },
  { value: 'retried', label: 'Driven again' },
  { value: 'resolved', label: 'Resolved' },
  { value: '', label: 'All' },
]
const NONE: Record<string, string> = {
  open: 'No record waits here',
  retried: 'No record is on its way again',
  resolved: 'No record was mended yet',
  '': 'No record was ever refused',
}
const ROWS = 200

/** Records that became no event, why, and the way to drive them again. */
export function DeadLettersPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const status = search.status === 'all' ? '' : (search.status ?? 'open')
  const list = useInfiniteQuery({
    queryKey: ['dead-letters', status],
    queryFn: ({ pageParam, signal }) =>
      callJson<Listed<DeadLetter>>('GET', '/api/v1/dead-letters', {
        query: { status, limit: ROWS, after: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  })
  const letters = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page
      title="Dead letters"
      about="Records that were accepted and became no event. Each says why; mend the sender or the mapping, then drive it again."
      tools={
        <SegmentedControl
          aria-label="Which"
          data={STATUSES}
          value={status}
          onChange={(value) =>
            void navigate({
              to: '/dead-letters',
              search: value === 'open' ? {} : { status: value || 'all' },
              replace: true,
            })
          }
        />
      }
    >
      {list.isPending ? <Loading lines={8} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="Dead letters" retry={() => void list.refetch()} /> : null}
      {list.data && letters.length === 0 ? (
        <Empty title={NONE[status] ?? 'No record'}>
          Every record that was accepted became an event, or was one that had come before. Nothing is lost in between:
          accepted = stored + dead letters + duplicates.
        </Empty>
      ) : null}
      {letters.length > 0 ? <Letters letters={letters} /> : null}
      {list.hasNextPage ? (
        <Button variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {count(letters.length)} loaded: load more
        </Button>
      ) : null}
    </Page>
  )
}

function Letters({ letters }: { letters: DeadLetter[] }) {
  const [opened, setOpened] = useState<DeadLetter | null>(null)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const may = useMay('dead-letters:write')
  const choose = (position: string) => {
    const next = new Set(chosen)
    if (!next.delete(position)) next.add(position)
    setChosen(next)
  }
  const open = letters.filter((letter) => letter.status === 'open')
  return (
    <>
      {may && open.length > 0 ? (
        <DriveBar
          chosen={letters.filter((letter) => chosen.has(letter.position))}
          onAll={() => setChosen(new Set(open.map((letter) => letter.position)))}
          onDone={() => setChosen(new Set())}
        />
      ) : null}
      <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Dead letters">
        <table className="table">
          <thead>
            <tr>
              <th aria-label="Choose" />
              <th>Why</th>
              <th>Source</th>
              <th>Status</th>
              <th>Came in</th>
            </tr>
          </thead>
          <tbody>
            {letters.map((letter) => (
              <tr key={letter.position}>
                <td>
                  {letter.status === 'open' && may ? (
                    <Checkbox
                      aria-label={`Choose ${letter.position}`}
                      checked={chosen.has(letter.position)}
                      onChange={() => choose(letter.position)}
                    />
                  ) : null}
                </td>
                <td className="wrap">
                  <button type="button" className="text-button" onClick={() => setOpened(letter)}>
                    <code>{letter.code}</code>
                  </button>
                  <div>{letter.reason}</div>
                </td>
                <td>
                  {letter.source}
                  <div className="dim">{letter.kind}</div>
                </td>
                <td>
                  <Badge>{letter.status}</Badge>
                  {letter.refused > 1 ? <div className="dim">{letter.refused} times</div> : null}
                </td>
                <td className="nowrap">
                  <Instant ms={letter.received_at_ms} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Drawer opened={opened !== null} onClose={() => setOpened(null)} position="right" size="xl" title="Dead letter">
        {opened ? <Letter letter={opened} /> : null}
      </Drawer>
    </>
  )
}

function DriveBar({ chosen, onAll, onDone }: { chosen: DeadLetter[]; onAll: () => void; onDone: () => void }) {
  const [worked, setWorked] = useState<number | null>(null)
  const client = useQueryClient()
  const run = async () => {
    setWorked(0)
    const failed = await driveAgain(
      chosen.map((letter) => letter.position),
      setWorked,
    )
    setWorked(null)
    onDone()
    await client.invalidateQueries({ queryKey: ['dead-letters'] })
    noticeDone(`${count(chosen.length - failed.length)} driven again`)
    const [first] = failed
    if (first) noticeError(`${count(failed.length)} were not driven again`, first.error)
  }
  return (
    <Group mb="sm" gap="xs">
      <Button disabled={chosen.length === 0} loading={worked !== null} onClick={() => void run()}>
        {chosen.length === 0 ? 'Drive again' : `Drive ${count(chosen.length)} again`}
      </Button>
      <Button variant="default" disabled={worked !== null} onClick={onAll}>
        Choose all that are loaded
      </Button>
      {worked === null ? null : (
        <>
          <Progress w={160} value={(worked / Math.max(1, chosen.length)) * 100} aria-label="Progress" />
          <Text role="status">
            {count(worked)} of {count(chosen.length)}
          </Text>
        </>
      )}
    </Group>
  )
}

function Letter({ letter }: { letter: DeadLetter }) {
  const path = placeOf(letter.position)
  const found = useQuery({
    queryKey: ['dead-letter', letter.position],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/dead-letters/{partition}/{offset}', { params: { path }, signal })),
    retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
  })
  return (
    <>
      <Text className="wrap" mb="sm">
        <code>{letter.code}</code> {letter.reason}
      </Text>
      {found.isPending ? <Loading /> : null}
      {found.isError ? <ProblemNote error={found.error} what="The record" /> : null}
      {found.data?.raw ? (
        <>
          <Text className="dim" mb="xs">
            {bytes(found.data.raw.body_bytes)} as they came in
          </Text>
          <JsonView
            value={found.data.raw.body ? parsed(found.data.raw.body) : (found.data.raw.body_base64 ?? '')}
            label="The record"
          />
        </>
      ) : null}
    </>
  )
}
