import { Button, Group, Modal, Select, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import {
  DAYS_MAX,
  delegationsQuery,
  endDelegation,
  latest,
  letAnswer,
  localMoment,
  untilFault,
  useDelegations,
  type Delegation,
  type Delegations,
} from '../contain/delegations'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone, noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { useMay } from '../session/use-session'
import { Instant, useNow } from '../time/instant'
import { Confirm } from './confirm'
import classes from './settings.module.css'

/** Who answers for the reader while they are away, and for whom the reader does. */
export function DelegationsSection() {
  const mayApprove = useMay('containments:approve')
  const [giving, setGiving] = useState(false)
  const all = useDelegations()
  if (!mayApprove) return null
  return (
    <Section
      title="Who answers for you"
      about="While you are away, somebody else who may approve can answer containments for you. You have one answer together, and none to what either of you asked for."
    >
      {all.isPending ? <Loading lines={3} /> : null}
      {all.isError ? <ProblemNote error={all.error} what="Who answers for you" /> : null}
      {all.data ? (
        <Button mb="sm" variant="default" onClick={() => setGiving(true)}>
          Let somebody answer for you…
        </Button>
      ) : null}
      {all.data && all.data.items.length === 0 ? <Empty title="Nobody">Everybody answers for themselves.</Empty> : null}
      {all.data && all.data.items.length > 0 ? <Table items={all.data.items} /> : null}
      {giving && all.data ? <Give people={all.data.people} onClose={() => setGiving(false)} /> : null}
    </Section>
  )
}

function words({ given, from, to }: Delegation) {
  return given ? `${to.name} answers for you` : `You answer for ${from.name}`
}

function Table({ items }: { items: Delegation[] }) {
  const client = useQueryClient()
  const [ending, setEnding] = useState<Delegation | null>(null)
  const end = useMutation({
    mutationFn: ({ id }: Delegation) => endDelegation(id),
    onSuccess: () => void client.invalidateQueries({ queryKey: delegationsQuery.queryKey }),
    onError: (error) => noticeError('It was not ended', error),
  })
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Who answers for whom">
      <table className="table">
        <thead>
          <tr>
            <th>Who</th>
            <th>Until</th>
            <th>Why</th>
            <th aria-label="Change" />
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.id}>
              <td className="nowrap">{words(one)}</td>
              <td className="nowrap">
                <Instant ms={Date.parse(one.until)} />
              </td>
              <td className="wrap">{one.reason}</td>
              <td className="actions">
                <Button variant="subtle" color="red" onClick={() => setEnding(one)}>
                  End<span className={classes.hidden}> {words(one)}</span>
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Confirm
        opened={ending !== null}
        title={ending ? `${words(ending)}: end it?` : ''}
        word="End it"
        onClose={() => setEnding(null)}
        onConfirm={() => ending && end.mutate(ending)}
      >
        Answers that were given by it to what is not applied yet do not count any more.
      </Confirm>
    </div>
  )
}

function Give({ people, onClose }: { people: Delegations['people']; onClose: () => void }) {
  const client = useQueryClient()
  const now_ms = useNow()
  const [to, setTo] = useState<string | null>(null)
  const [until, setUntil] = useState('')
  const [reason, setReason] = useState('')
  const give = useMutation({
    mutationFn: (id: string) => letAnswer({ to: id, until: new Date(until).toISOString(), reason: reason.trim() }),
    onSuccess: (given) => {
      void client.invalidateQueries({ queryKey: delegationsQuery.queryKey })
      noticeDone(words(given))
      onClose()
    },
  })
  const fault = untilFault(until, now_ms)
  const ready = to !== null && fault === null && reason.trim() !== ''
  return (
    <Modal opened onClose={onClose} title="Let somebody answer for you">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (ready && !give.isPending) give.mutate(to)
        }}
      >
        <Select
          label="Who"
          description="Others who may approve"
          placeholder={people.length === 0 ? 'There is nobody else who may approve' : undefined}
          required
          searchable
          data-autofocus
          data={people.map(({ id, name }) => ({ value: id, label: name }))}
          value={to}
          onChange={setTo}
        />
        <TextInput
          mt="sm"
          type="datetime-local"
          label="Until"
          description={`It ends by itself then; ${String(DAYS_MAX)} days from now at most`}
          required
          min={localMoment(now_ms)}
          max={localMoment(latest(now_ms))}
          value={until}
          error={until === '' ? undefined : fault}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        <Textarea
          mt="sm"
          label="Why?"
          description="They read this, and so does who reads the audit log."
          required
          autosize
          minRows={2}
          maxRows={6}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {give.isError ? <ProblemNote error={give.error} what="It" /> : null}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            Leave it
          </Button>
          <Button type="submit" loading={give.isPending} disabled={!ready}>
            Let them answer
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
