import { Anchor, Badge, Button, Group, SegmentedControl, Text, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../api/problem'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { reportsChanged } from '../moderation/reports'
import { decideAppeal, loadAppeals, type Appeal } from '../report/api'
import { stateWord } from '../report/words'
import { useNow, Instant } from '../time/instant'
import classes from './appeal.module.css'

const LOOK_MS = 15_000

/** Decisions that somebody asks to be looked at again, by another person than the one who made them. */
export function AppealsPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const state = search.state === 'decided' ? 'decided' : 'open'
  const appeals = useQuery({
    queryKey: ['appeals', state],
    queryFn: ({ signal }) => loadAppeals(state, signal),
    refetchInterval: LOOK_MS,
  })
  const items = (appeals.data?.items ?? []).toSorted((a, b) => a.due_at.localeCompare(b.due_at))
  return (
    <Page
      title="Appeals"
      about="Decisions on reports that are to be looked at again. Who made a decision does not decide about it."
      tools={
        <SegmentedControl
          aria-label="State"
          value={state}
          data={[
            { value: 'open', label: 'Open' },
            { value: 'decided', label: 'Decided' },
          ]}
          onChange={(value) => void navigate({ to: '/appeals', search: value === 'open' ? {} : { state: value } })}
        />
      }
    >
      {appeals.isPending ? <Loading /> : null}
      {appeals.isError ? (
        <ProblemNote error={appeals.error} what="Appeals" retry={() => void appeals.refetch()} />
      ) : null}
      {appeals.data && items.length === 0 ? (
        <Empty title={state === 'open' ? 'No appeal waits' : 'None was decided yet'}>
          Reporters appeal on their receipt, subjects on the report.
        </Empty>
      ) : null}
      <ul className={classes.list}>
        {items.map((appeal) => (
          <li key={appeal.id} className="panel">
            <One appeal={appeal} />
          </li>
        ))}
      </ul>
    </Page>
  )
}

function One({ appeal }: { appeal: Appeal }) {
  const now = useNow()
  const { report } = appeal
  const late = !appeal.outcome && Date.parse(appeal.due_at) < now
  return (
    <article className={classes.appeal} aria-label={report.title}>
      <div className={classes.head}>
        <Anchor
          fw={600}
          className="wrap"
          renderRoot={(props) => <Link {...props} to="/reports" search={{ state: 'any', id: report.id }} />}
        >
          {report.title}
        </Anchor>
        <Badge>{stateWord(report.state)}</Badge>
        <span className="dim">by the {appeal.by}</span>
        {appeal.outcome ? null : (
          <span className={late ? classes.late : 'dim'}>
            {late ? 'was due ' : 'due '}
            <Instant ms={Date.parse(appeal.due_at)} />
          </span>
        )}
      </div>
      <blockquote className={classes.reason}>{appeal.reason}</blockquote>
      {appeal.outcome ? (
        <Text>
          <b>{appeal.outcome === 'overturned' ? 'Overturned' : 'Upheld'}</b>
          {appeal.explanation ? `: ${appeal.explanation}` : ''}
        </Text>
      ) : (
        <Answer appeal={appeal} />
      )}
    </article>
  )
}

function Answer({ appeal }: { appeal: Appeal }) {
  const client = useQueryClient()
  const [text, setText] = useState('')
  const [fault, setFault] = useState('')
  const decide = useMutation({
    mutationFn: (outcome: 'upheld' | 'overturned') => decideAppeal(appeal.id, { outcome, explanation: text.trim() }),
    onSuccess: (_, outcome) => {
      noticeDone(
        outcome === 'overturned' ? 'Overturned; all that followed from it is taken back' : 'The decision stands',
      )
      reportsChanged(client)
    },
  })
  const submit = (outcome: 'upheld' | 'overturned') => {
    const missing = text.trim() === '' ? 'Write an explanation; it stands on the receipt' : ''
    setFault(missing)
    if (missing === '') decide.mutate(outcome)
  }
  const isSame =
    decide.error instanceof ApiError && ['appeal_same_person', 'appeal-same-person'].includes(decide.error.code)
  return (
    <>
      <Textarea
        label="Explanation to whoever appealed"
        autosize
        minRows={2}
        value={text}
        error={fault || undefined}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {isSame ? (
        <Text role="alert" data-testid="same-person">
          <b>You made this decision.</b> Another person has to look at it; it stays in their list.
        </Text>
      ) : decide.isError ? (
        <ProblemNote error={decide.error} what="It was not decided" />
      ) : null}
      <Group gap="xs">
        <Button onClick={() => submit('overturned')} loading={decide.isPending}>
          Overturn
        </Button>
        <Button variant="default" onClick={() => submit('upheld')} disabled={decide.isPending}>
          Uphold
        </Button>
      </Group>
    </>
  )
}
