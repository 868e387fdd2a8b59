import { Badge } from '@mantine/core'
import { useState } from 'react'
import type { ReportSummary } from '../report/api'
import { stateWord, tierWord } from '../report/words'
import { Instant } from '../time/instant'
import classes from './moderation.module.css'
import { formTitle, useForms } from './reports'

interface Props {
  reports: readonly ReportSummary[]
  at: string | null
  onShow: (id: string) => void
}

/** Reports in two lines each. */
export function ReportList({ reports, at, onShow }: Props) {
  const forms = useForms()
  const [now] = useState(() => Date.now())
  if (reports.length === 0) return null
  return (
    <ul className={classes.list}>
      {reports.map((report) => (
        <li key={report.id}>
          <button
            type="button"
            className={classes.row}
            id={`row-${report.id}`}
            aria-current={report.id === at ? 'true' : undefined}
            onClick={() => onShow(report.id)}
          >
            <span className={classes.rowTitle}>{report.title}</span>
            <span className={classes.rowState}>
              {report.unread ? <Badge color="indigo">new from the reporter</Badge> : null}
              {isLate(report, now) ? <Badge color="indigo">late</Badge> : null}
              {report.appeal ? <Badge color="indigo">appeal</Badge> : null}
              <Badge data-state={report.state}>{stateWord(report.state)}</Badge>
            </span>
            <span className={classes.rowAbout}>
              {[formTitle(report.form, forms), report.service, reporterWords(report)].filter(Boolean).join(' · ')}
            </span>
            <span className={classes.rowTime}>
              <Instant ms={Date.parse(report.created_at)} relative />
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}

/** Whether its reporter should have heard by now. */
export function isLate({ due_at }: Pick<ReportSummary, 'due_at'>, now_ms: number): boolean {
  return due_at != null && Date.parse(due_at) < now_ms
}

/** Who reported, as far as it is known. */
export function reporterWords({ reporter, tier }: Pick<ReportSummary, 'reporter' | 'tier'>): string {
  if (!reporter || reporter.kind === 'anonymous') return 'anonymous'
  const name = reporter.name ?? reporter.kind
  return tier ? `${name} (${tierWord(tier)})` : name
}
