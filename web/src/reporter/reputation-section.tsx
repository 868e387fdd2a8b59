import { Anchor, Badge, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { formTitle, useForms } from '../moderation/reports'
import { loadReputation, type Reputation, type Standing } from '../report/api'
import { tierWord } from '../report/words'
import { Instant } from '../time/instant'
import classes from './reporter.module.css'

/** How one stands, form by form, and every entry that it is made of. */
export function ReputationSection() {
  const found = useQuery({ queryKey: ['reputation'], queryFn: () => loadReputation() })
  return (
    <Section
      title="Your reputation"
      about="It decides what automation may do with your reports, and how many you may send at once; never whether a person reads them."
    >
      {found.isPending ? <Loading lines={2} /> : null}
      {found.isError ? <ProblemNote error={found.error} what="Your reputation" /> : null}
      {found.data?.categories.length === 0 ? <Text className="dim">Nothing counts for or against you yet.</Text> : null}
      <div className={classes.standings}>
        {(found.data?.categories ?? []).map((category) => (
          <Category key={category.category} category={category} />
        ))}
      </div>
      {found.data?.formula ? (
        <Anchor size="sm" href={found.data.formula}>
          How it is computed
        </Anchor>
      ) : null}
    </Section>
  )
}

function Category({ category }: { category: Reputation['categories'][number] }) {
  const forms = useForms()
  const title = formTitle(category.category, forms)
  return (
    <section className={`panel ${classes.standing ?? ''}`} aria-label={title}>
      <div className={classes.head}>
        <b>{title}</b>
        <Badge>{tierWord(category.tier)}</Badge>
      </div>
      <Bar standing={category} />
      <Text className="dim" size="xs">
        {percent(category.mean)} right, between {percent(category.low)} and {percent(category.high)} (90 %)
      </Text>
      <details>
        <summary>Why is mine so?</summary>
        {category.entries.length === 0 ? (
          <Text className="dim">No entry counts: everybody begins so.</Text>
        ) : (
          <ul className={classes.entries}>
            {category.entries.map((entry) => (
              <li key={`${entry.report} ${entry.at}`}>
                <span>{outcomeWord(entry.outcome)}</span>
                <span className="num">{weightWord(entry.weight)}</span>
                <span className="dim">
                  <Instant ms={Date.parse(entry.at)} /> · <code>…{entry.report.slice(-6)}</code>
                </span>
              </li>
            ))}
          </ul>
        )}
      </details>
    </section>
  )
}

/** The interval and the mean on a line from 0 to 100 %. */
function Bar({ standing }: { standing: Standing }) {
  const at = (share: number) => Math.min(Math.max(share, 0), 1) * 200
  const [low, high, mean] = [at(standing.low), at(standing.high), at(standing.mean)]
  return (
    <svg viewBox="0 0 200 12" width="100%" height="12" preserveAspectRatio="none" aria-hidden className={classes.bar}>
      <rect x="0" y="5" width="200" height="2" data-part="line" />
      <rect x={low} y="3" width={Math.max(high - low, 1)} height="6" rx="3" data-part="interval" />
      <rect x={Math.min(mean, 198)} y="0" width="2" height="12" data-part="mean" />
    </svg>
  )
}

function percent(share: number): string {
  return `${String(Math.round(share * 100))} %`
}

const OUTCOMES: Record<string, string> = {
  accepted: 'accepted',
  merged: 'joined with a known matter',
  spam: 'declined as spam',
  fabricated: 'declined as made up',
  reverted: 'taken back after an appeal',
}

export function outcomeWord(outcome: string): string {
  return OUTCOMES[outcome] ?? outcome.replaceAll('_', ' ').replaceAll('-', ' ')
}

/** `+0.84`: what an entry counts now, after it faded. */
export function weightWord(weight: number): string {
  return `${weight > 0 ? '+' : weight < 0 ? '−' : ''}${Math.abs(weight).toFixed(2)}`
}
