import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ApiError } from '../api/problem'
import { Button, Card, Field, Note, Problem, Waiting, When } from '../guest/controls'
import { useVisitor } from '../guest/visitor'
import { appealDecision, writeToTeam, type Receipt } from '../report/api'
import { MaskedBox } from '../report/masked-box'
import { stateWord } from '../report/words'
import { Attachments } from './attachments'
import { useReceiptEvents } from './live'
import { dropOpened, fetchReceipt, withReceipt } from './opened'
import { ProofCard } from './proof-card'
import { ReceiptTools } from './receipt-tools'
import classes from './receipt.module.css'
import { dropSecret, handOver, heldSecret, heldSent, receiptLink, secretIn, takeSecret } from './secret'
import { timelineOf } from './timeline'

const LIVE_CHECK_MS = 60_000
const POLL_MS = 4_000

/** What became of a report, for whoever holds its receipt. */
export default function ReceiptPage() {
  const client = useQueryClient()
  const [secret, setSecret] = useState(takeSecret)
  useEffect(() => {
    document.title = 'Receipt · Hue & Cry'
    const another = () => {
      if (secretIn(location.hash) === null) return
      dropOpened()
      setSecret(takeSecret())
    }
    window.addEventListener('hashchange', another)
    return () => window.removeEventListener('hashchange', another)
  }, [])
  const [live, setLive] = useState(false)
  const receipt = useQuery({
    // of each secret its own: what another receipt said is never shown meanwhile
    queryKey: ['receipt', secret],
    queryFn: ({ signal }) => fetchReceipt(secret, signal),
    staleTime: 0,
    refetchInterval: (query) => (query.state.error ? false : live ? LIVE_CHECK_MS : POLL_MS),
    retry: (failures, error) =>
      failures < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
  })
  const isOpen = receipt.data !== undefined
  const isLive = useReceiptEvents(isOpen, () => void receipt.refetch())
  if (isLive !== live) setLive(isLive)
  const isClosed = receipt.error instanceof ApiError && [401, 403, 404, 409].includes(receipt.error.status)
  const forget = () => {
    dropSecret()
    dropOpened()
    setSecret(null)
    void client.resetQueries({ queryKey: ['receipt', null] })
  }
  if (receipt.isPending) return <Waiting what="the receipt" />
  if (isClosed || !receipt.data) {
    return (
      <>
        <h1>Receipt</h1>
        {isClosed ? null : <Problem error={receipt.error} what="The receipt" retry={() => void receipt.refetch()} />}
        <OpenForm
          error={secret === null ? null : receipt.error}
          onSecret={(found) => {
            handOver(found, null)
            dropOpened()
            if (found === secret) void receipt.refetch()
            else setSecret(found)
          }}
        />
      </>
    )
  }
  return <Shown receipt={receipt.data} live={isLive} again={() => void receipt.refetch()} onForget={forget} />
}

function OpenForm({ error, onSecret }: { error: unknown; onSecret: (secret: string) => void }) {
  const [text, setText] = useState('')
  const [fault, setFault] = useState('')
  const open = (event: React.FormEvent) => {
    event.preventDefault()
    const secret = secretIn(text)
    if (secret === null) return setFault('A receipt’s link ends in #hcrc_ and many letters')
    onSecret(secret)
  }
  return (
    <Card title="Open a receipt">
      <p>Open the link that you got when you reported, or paste it here. Nobody can send it to you again.</p>
      {error ? <Problem error={error} what="This receipt cannot be opened" /> : null}
      <form onSubmit={open} noValidate className={classes.stack}>
        <Field id="receipt-link" label="The receipt’s link" required error={fault}>
          {(described) => (
            <input
              {...described}
              type="text"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
          )}
        </Field>
        <div>
          <Button type="submit" tone="main">
            Open it
          </Button>
        </div>
      </form>
    </Card>
  )
}

interface ShownProps {
  receipt: Receipt
  live: boolean
  again: () => void
  onForget: () => void
}

function Shown({ receipt, live, again, onForget }: ShownProps) {
  const visitor = useVisitor()
  const [opened] = useState(() => Date.now())
  const secret = heldSecret()
  const undecided = ['held', 'received', 'needs_info'].includes(receipt.state)
  // whoever was asked is awaited: nothing is due to them
  const awaiting = undecided && receipt.state !== 'needs_info'
  return (
    <>
      <div>
        <p className="dim">
          Your report <span className="mono wrap">{receipt.id}</span>
        </p>
        <h1 className="wrap">{receipt.title}</h1>
        <p className="dim">
          {[receipt.service, receipt.owner_team].filter(Boolean).join(' · ')}
          {receipt.service || receipt.owner_team ? ' · ' : ''}
          sent <When at={receipt.submitted_at} />
        </p>
      </div>
      {secret ? <KeepLink secret={secret} /> : null}
      <Card
        title={stateWord(receipt.state)}
        tools={
          <span className={classes.live} data-live={live || undefined}>
            {live ? 'Live' : 'Looks every few seconds'}
          </span>
        }
      >
        <p role="status" data-testid="state" data-state={receipt.state}>
          {receipt.state_text}
        </p>
        {awaiting && receipt.next_update_due ? (
          <p>
            {Date.parse(receipt.next_update_due) > opened ? 'You hear more by' : 'An answer is late. It was due by'}{' '}
            <b>
              <When at={receipt.next_update_due} />
            </b>
            .
          </p>
        ) : null}
        <ol className={classes.steps}>
          {timelineOf(receipt).map((step) => (
            <li key={step.title} data-state={step.state} aria-current={step.state === 'now' ? 'step' : undefined}>
              <b>{step.title}</b>
              {step.at ? (
                <span className="dim">
                  <When at={step.at} />
                </span>
              ) : null}
              {step.text ? <p className="dim">{step.text}</p> : null}
            </li>
          ))}
        </ol>
      </Card>
      {receipt.decision ? <DecisionCard receipt={receipt} again={again} /> : null}
      <Messages receipt={receipt} again={again} />
      <Attachments receipt={receipt} again={again} />
      {receipt.proof ? <ProofCard proof={receipt.proof} report={receipt.id} /> : null}
      <ReceiptTools
        receipt={receipt}
        person={visitor?.name ?? null}
        secret={secret}
        again={again}
        onForget={onForget}
      />
    </>
  )
}

/** Shown as long as this page knows the secret: after that, nobody does but who kept it. */
function KeepLink({ secret }: { secret: string }) {
  const [copied, setCopied] = useState<boolean | null>(null)
  const link = receiptLink(secret)
  const sent = heldSent()
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link)
      setCopied(true)
    } catch {
      setCopied(false)
      document.querySelector<HTMLInputElement>('#kept-link')?.select()
    }
  }
  return (
    <Note tone="good" title={sent ? 'Received, thank you. Keep this link.' : 'Keep this link'}>
      <p>It is the only way back to this page, and whoever has it can read and answer here.</p>
      {sent && sent.masked.count > 0 ? (
        <p className="dim">{sent.masked.count} personal or secret values were replaced before it was sent.</p>
      ) : null}
      <div className={classes.link}>
        <input
          id="kept-link"
          className="mono"
          readOnly
          value={link}
          aria-label="The receipt’s link"
          onFocus={(event) => event.currentTarget.select()}
        />
        <Button tone="main" onClick={() => void copy()}>
          {copied ? 'Copied ✓' : 'Copy the link'}
        </Button>
      </div>
      <p role="status" className="dim">
        {copied === true
          ? 'The link is copied.'
          : copied === false
            ? 'The link is selected: copy it with your keys.'
            : ''}
      </p>
    </Note>
  )
}

function DecisionCard({ receipt, again }: { receipt: Receipt; again: () => void }) {
  const [asked, setAsked] = useState(false)
  const { decision } = receipt
  if (!decision) return null
  return (
    <Card title="The decision">
      <dl className={classes.facts}>
        {decision.reason || decision.reason_title ? (
          <>
            <dt>Reason</dt>
            <dd>{decision.reason_title ?? decision.reason}</dd>
          </>
        ) : null}
        {decision.note ? (
          <>
            <dt>Note for you</dt>
            <dd className={classes.text}>{decision.note}</dd>
          </>
        ) : null}
        <dt>By</dt>
        <dd>
          <a href={decision.reason ? `/policy#${decision.reason}` : '/policy'}>
            the policy{decision.policy_version ? ` of version ${String(decision.policy_version)}` : ''}
          </a>
        </dd>
      </dl>
      {receipt.appeal && !receipt.appeal.outcome ? (
        <p role="status">
          You appealed. You get an answer
          {receipt.appeal.due_at ? (
            <>
              {' '}
              by{' '}
              <b>
                <When at={receipt.appeal.due_at} />
              </b>
            </>
          ) : null}
          , from somebody else than the one who decided.
        </p>
      ) : null}
      {receipt.can_appeal && !asked ? (
        <div>
          <Button onClick={() => setAsked(true)}>Appeal</Button>
        </div>
      ) : null}
      {receipt.can_appeal && asked ? (
        <MaskedBox
          id="appeal-reason"
          label="Why should it be looked at again?"
          help="Somebody else than the one who decided reads it."
          action="Send the appeal"
          what="The appeal was not sent"
          focused
          onSend={async (text) => {
            await withReceipt((report) => appealDecision(report, text))
            again()
          }}
        />
      ) : null}
    </Card>
  )
}

function Messages({ receipt, again }: { receipt: Receipt; again: () => void }) {
  return (
    <Card title="Messages">
      {receipt.messages.length === 0 ? <p className="dim">Nothing was written yet.</p> : null}
      <ol className={classes.messages} aria-live="polite">
        {receipt.messages.map(({ id, from, text, at }) => (
          <li key={id} data-from={from}>
            <span className="dim">
              {from === 'you' ? 'You' : 'The team'} · <When at={at} />
            </span>
            <p className={classes.text}>{text}</p>
          </li>
        ))}
      </ol>
      {receipt.state === 'withdrawn' ? null : (
        <MaskedBox
          id="message"
          label={receipt.state === 'needs_info' ? 'Your answer' : 'Add something'}
          action="Send"
          what="The message was not sent"
          onSend={async (text) => {
            await withReceipt((report) => writeToTeam(report, text))
            again()
          }}
        />
      )}
    </Card>
  )
}
