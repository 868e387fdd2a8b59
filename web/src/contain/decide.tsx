import { Button, Group, Select, Text, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { noticeDone } from '../feedback/notices'
import { useKeys } from '../layout/keys'
import { breakGlass, keep, settle, undo, vote, type Containment } from './api'
import { BreakGlassDialog } from './break-glass-dialog'
import { containmentsChanged, isOvertaken, keepNew } from './containments'
import classes from './contain.module.css'
import { Countdown, useSecond } from './countdown'
import { answersFor, useDelegations } from './delegations'
import { KeepForm } from './keep-form'
import { ReasonForm } from './reason-form'
import { Refused } from './refused'
import { deedWords, isEnded, missingWords } from './words'

type Ask = 'deny' | 'undo' | 'keep' | 'happened' | 'not' | 'glass' | null

interface Deed {
  what: string
  done: string
  act: () => Promise<Containment>
}

/** All that can be done about a containment, one thing at a time; keys `a`, `d`, `u`, `e`. */
export function Decide({ containment, seenSha }: { containment: Containment; seenSha: string | null }) {
  const { can, state } = containment
  const client = useQueryClient()
  const [ask, setAsk] = useState<Ask>(null)
  const [behalf, setBehalf] = useState<string | null>(null)
  const approveButton = useRef<HTMLButtonElement>(null)
  const deed = useMutation({
    mutationFn: ({ act }: Deed) => act(),
    onSuccess: (now, { done }) => {
      setAsk(null)
      keepNew(client, now)
      noticeDone(done)
    },
    onError: (error) => {
      if (isOvertaken(error)) containmentsChanged(client)
    },
  })
  const votes = state === 'awaiting_approval' && can.approve
  const takesBack = can.undo || can.cancel
  useKeys({
    a: () => (votes ? approveButton.current?.focus() : false),
    d: () => (votes ? setAsk('deny') : false),
    u: () => (takesBack ? setAsk('undo') : false),
    e: () => (can.keep ? setAsk('keep') : false),
  })
  const run = (what: string, done: string, act: () => Promise<Containment>) => deed.mutate({ what, done, act })
  if (!votes && !takesBack && !can.keep && !can.settle && !can.break_glass && state !== 'awaiting_approval') return null
  return (
    <section aria-label="Decide" className={classes.decide} data-tone={state === 'unknown' ? 'bad' : undefined}>
      {state === 'awaiting_approval' ? <Standing containment={containment} /> : null}
      {state === 'unknown' ? (
        <Settle containment={containment} ask={ask} setAsk={setAsk} run={run} busy={deed.isPending} />
      ) : null}
      {votes && ask !== 'undo' ? <Behalf value={behalf} onChange={setBehalf} /> : null}
      {votes && ask !== 'deny' && ask !== 'undo' ? (
        <Approve
          containment={containment}
          seenSha={seenSha}
          button={approveButton}
          busy={deed.isPending}
          onApprove={(reason) =>
            run('It was not approved', 'Approved', () =>
              vote(containment, {
                approves: true,
                plan_sha256: seenSha ?? '',
                reason: reason || undefined,
                on_behalf_of: behalf ?? undefined,
              }),
            )
          }
          onDeny={() => setAsk('deny')}
        />
      ) : null}
      {ask === 'deny' ? (
        <ReasonForm
          label="Why not?"
          description="Who asked for it reads this."
          word="Deny"
          grave
          busy={deed.isPending}
          onLeave={() => setAsk(null)}
          onReason={(reason) =>
            run('It was not denied', 'Denied', () =>
              vote(containment, {
                approves: false,
                plan_sha256: containment.plan_sha256,
                reason,
                on_behalf_of: behalf ?? undefined,
              }),
            )
          }
        />
      ) : null}
      {can.keep && ask !== 'undo' ? (
        <KeepForm
          containment={containment}
          asked={ask === 'keep'}
          busy={deed.isPending}
          onAsk={() => setAsk('keep')}
          onLeave={() => setAsk(null)}
          onKeep={(minutes, reason) =>
            run('It was not kept', 'Kept', () => keep(containment, { ...(minutes ? { minutes } : {}), reason }))
          }
        />
      ) : null}
      {takesBack && ask !== 'deny' && ask !== 'keep' ? (
        <Undo containment={containment} asked={ask === 'undo'} setAsk={setAsk} run={run} busy={deed.isPending} />
      ) : null}
      {deed.isError ? <Refused error={deed.error} what={deed.variables.what} /> : null}
      {can.break_glass && !isEnded(state) && state === 'awaiting_approval' ? (
        <Text size="xs" className={classes.apart}>
          Nobody who may approve can be reached, and it cannot wait?{' '}
          <button type="button" className="text-button" onClick={() => setAsk('glass')}>
            Apply it without approval…
          </button>
        </Text>
      ) : null}
      <BreakGlassDialog
        opened={ask === 'glass'}
        containment={containment}
        busy={deed.isPending}
        onClose={() => setAsk(null)}
        onReason={(reason) =>
          run('It was not applied', 'It is being applied, without approval', () => breakGlass(containment, reason))
        }
      />
    </section>
  )
}

const OWN = 'own'

/** For whom is answered, where somebody has let the reader do so; each has one answer, the reader's own included. */
function Behalf({ value, onChange }: { value: string | null; onChange: (value: string | null) => void }) {
  const others = answersFor(useDelegations().data?.items ?? [])
  if (others.length === 0) return null
  return (
    <Select
      label="Your answer is"
      description="For somebody else it is theirs and yours together: neither of you has another one to this."
      allowDeselect={false}
      data={[
        { value: OWN, label: 'your own' },
        ...others.map(({ from }) => ({ value: from.id, label: `for ${from.name}` })),
      ]}
      value={value ?? OWN}
      onChange={(next) => onChange(next === OWN ? null : next)}
    />
  )
}

function Standing({ containment }: { containment: Containment }) {
  const { decision, can } = containment
  return (
    <>
      <p className={classes.standing}>
        <b>Missing:</b> {missingWords(containment)}
        {decision.expires_at ? (
          <>
            {' '}
            · it can be approved for <Countdown at={decision.expires_at} brief />
          </>
        ) : null}
      </p>
      {!can.approve ? (
        <Text role="note">
          <b>You cannot approve it:</b> {can.approve_why ?? 'your roles do not allow it'}.
        </Text>
      ) : null}
    </>
  )
}

interface ApproveProps {
  containment: Containment
  /** The plan that was looked at; none while a changed one is not. */
  seenSha: string | null
  button: React.Ref<HTMLButtonElement>
  busy: boolean
  onApprove: (reason: string) => void
  onDeny: () => void
}

function Approve({ containment, seenSha, button, busy, onApprove, onDeny }: ApproveProps) {
  const [reason, setReason] = useState('')
  const now_ms = useSecond()
  const others = containment.approvals_missing - 1
  return (
    <>
      <Textarea
        label="Reason (optional)"
        autosize
        minRows={1}
        maxRows={6}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group gap="xs" align="flex-start">
        <Button
          ref={button}
          className={classes.deed}
          loading={busy}
          disabled={seenSha === null}
          onClick={() => onApprove(reason.trim())}
        >
          {others > 0 ? 'Approve: ' : ''}
          {deedWords(containment, now_ms)}
        </Button>
        <Button variant="default" className={classes.deed} disabled={busy} onClick={onDeny}>
          Deny…
        </Button>
      </Group>
      <Text size="xs" className="dim">
        {others > 0
          ? `It is applied once ${others === 1 ? 'one more person has' : `${String(others)} more people have`} approved, too.`
          : (containment.decision.quorum ?? []).length > 0
            ? 'It is applied once all who must be among those who approve are.'
            : 'It is applied at once, then looked at whether it took effect.'}
      </Text>
    </>
  )
}

interface PartProps {
  containment: Containment
  setAsk: (ask: Ask) => void
  run: (what: string, done: string, act: () => Promise<Containment>) => void
  busy: boolean
}

function Undo({ containment, asked, setAsk, run, busy }: PartProps & { asked: boolean }) {
  const cancels = containment.can.cancel && !containment.can.undo
  if (!asked)
    return (
      <Group gap="xs">
        <Button variant="default" className={classes.deed} onClick={() => setAsk('undo')}>
          {cancels ? 'Call it off…' : `Take it back now: ${containment.title.toLowerCase()}…`}
        </Button>
      </Group>
    )
  return (
    <ReasonForm
      label={cancels ? 'Why is it called off?' : 'Why is it taken back?'}
      description={
        cancels
          ? 'Nothing was sent yet, so nothing changes.'
          : 'What was there before is put back, and then looked at whether it is there again.'
      }
      word={cancels ? 'Call it off' : 'Take it back'}
      busy={busy}
      onLeave={() => setAsk(null)}
      onReason={(reason) =>
        run(
          cancels ? 'It was not called off' : 'It was not taken back',
          cancels ? 'Called off' : 'It is being taken back, and verified',
          () => undo(containment, reason),
        )
      }
    />
  )
}

/** Nobody can tell whether it happened but who looks. */
function Settle({ containment, ask, setAsk, run, busy }: PartProps & { ask: Ask }) {
  const { can, plan, target } = containment
  return (
    <>
      <p className={classes.standing}>
        <b>Nobody can tell whether it happened.</b> The request may have been sent, and the system does not say what
        became of it. Look there yourself:
      </p>
      <ul className={classes.standing}>
        {(plan?.changes ?? []).map(({ what, before, after }) => (
          <li key={what}>
            {what}: is it <b>{after}</b> now, or still <b>{before}</b>?
          </li>
        ))}
        {(plan?.changes ?? []).length === 0 ? <li>{target}</li> : null}
      </ul>
      {can.settle && ask !== 'happened' && ask !== 'not' ? (
        <Group gap="xs">
          <Button onClick={() => setAsk('happened')}>It happened…</Button>
          <Button variant="default" onClick={() => setAsk('not')}>
            It did not happen…
          </Button>
        </Group>
      ) : null}
      {can.settle ? null : <Text role="note">Somebody who may approve containments says what happened.</Text>}
      {ask === 'happened' || ask === 'not' ? (
        <ReasonForm
          label="What did you see, and where?"
          word={ask === 'happened' ? 'It happened' : 'It did not happen'}
          busy={busy}
          onLeave={() => setAsk(null)}
          onReason={(reason) =>
            run('It was not settled', 'Settled', () => settle(containment, { happened: ask === 'happened', reason }))
          }
        />
      ) : null}
    </>
  )
}
