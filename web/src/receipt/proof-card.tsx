import { useState } from 'react'
import { Button, Card } from '../guest/controls'
import type { Proof } from '../report/api'
import classes from './receipt.module.css'
import type { Verdict } from './proof'

/** That the report is in the audit log, to be checked by whoever likes. */
export function ProofCard({ proof, report }: { proof: Proof; report: string }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null)
  const verify = async () => {
    if (!('subtle' in crypto)) {
      return setVerdict({
        outcome: 'open',
        detail: 'This browser computes hashes only over HTTPS. Save the proof, and check it elsewhere.',
      })
    }
    const { checkProof } = await import('./proof')
    setVerdict(await checkProof(proof))
  }
  const save = () => {
    const url = URL.createObjectURL(
      new Blob([JSON.stringify({ report, ...proof }, null, 2)], { type: 'application/json' }),
    )
    Object.assign(document.createElement('a'), { href: url, download: `${report}-proof.json` }).click()
    URL.revokeObjectURL(url)
  }
  const facts: [string, string | number | null | undefined][] = [
    ['Record', proof.audit_id],
    ['Leaf', proof.leaf],
    ['Index', proof.index],
    ['Tree of', proof.tree_size == null ? null : `${String(proof.tree_size)} records`],
    ['Root', proof.root],
  ]
  return (
    <Card title="Proof">
      <p>
        {proof.pending || proof.index == null
          ? 'A record of this submission is written to the audit log. It has no place in the signed tree yet; look again in a minute.'
          : `A record of this submission stands in the audit log at place ${String(proof.index)}. The proof says that, and nothing of what was decided.`}
      </p>
      <div className={classes.row}>
        <Button onClick={() => void verify()}>Verify here</Button>
        <Button tone="quiet" onClick={save}>
          Save the proof
        </Button>
      </div>
      <p role="status" data-testid="proof" data-outcome={verdict?.outcome} className={classes.verdict}>
        {verdict?.detail}
      </p>
      <details>
        <summary>What it says, and how to verify it yourself</summary>
        <dl className={classes.facts}>
          {facts.map(([name, value]) =>
            value == null ? null : (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="mono wrap">{value}</dd>
              </div>
            ),
          )}
        </dl>
        <p className="dim">
          Save the proof. From the leaf, hash upwards with <code>hashes</code>: SHA-256 of 01, the left and the right
          (RFC 6962; whether a step is left or right follows from the index). You come to the root. Ask an auditor for a
          signed checkpoint of that tree size: its root must be the same.
        </p>
      </details>
    </Card>
  )
}
