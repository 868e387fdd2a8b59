import { useState } from 'react'
import { Button, Card, Problem } from '../guest/controls'
import { claimReport, forgetReceipt, withdrawReport, type Receipt } from '../report/api'
import { withReceipt } from './opened'
import classes from './receipt.module.css'

interface Props {
  receipt: Receipt
  /** Who is signed in. */
  person: string | null
  secret: string | null
  again: () => void
  onForget: () => void
}

/** What one may do with a report of one's own. */
export function ReceiptTools({ receipt, person, secret, again, onForget }: Props) {
  const [asked, setAsked] = useState(false)
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState<{ error: unknown; what: string } | null>(null)
  const act = async (what: string, action: () => Promise<unknown>, then: () => void) => {
    setBusy(true)
    setFailed(null)
    try {
      await action()
      then()
    } catch (error) {
      setFailed({ error, what })
    } finally {
      setBusy(false)
    }
  }
  const open = ['held', 'received', 'needs_info'].includes(receipt.state)
  return (
    <Card title="Your report">
      {person !== null && !receipt.claimed ? (
        <div>
          <p>
            You are signed in as {person}. Adding it to your reports puts your name to it, also for those who decide.
          </p>
          {secret ? (
            <Button busy={busy} onClick={() => void act('It was not added', () => claimReport(secret), again)}>
              Add it to my reports
            </Button>
          ) : (
            <p className="dim">Open the receipt’s link again to add it.</p>
          )}
        </div>
      ) : null}
      {receipt.claimed ? <p>It is among the reports of an account.</p> : null}
      <div className={classes.row}>
        {open && !asked ? <Button onClick={() => setAsked(true)}>Withdraw it…</Button> : null}
        <Button
          tone="quiet"
          onClick={() => void act('It was not forgotten', () => forgetReceipt(receipt.id), onForget)}
        >
          Forget it on this device
        </Button>
      </div>
      {open && asked ? (
        <div role="group" aria-label="Withdraw" className={classes.confirm}>
          <p>Nobody will look into it then. What was recorded stays in the audit log.</p>
          <div className={classes.row}>
            <Button
              tone="main"
              busy={busy}
              onClick={() =>
                void act(
                  'It was not withdrawn',
                  () => withReceipt(withdrawReport),
                  () => {
                    setAsked(false)
                    again()
                  },
                )
              }
            >
              Withdraw it
            </Button>
            <Button onClick={() => setAsked(false)}>Leave it</Button>
          </div>
        </div>
      ) : null}
      {failed ? <Problem error={failed.error} what={failed.what} /> : null}
    </Card>
  )
}
