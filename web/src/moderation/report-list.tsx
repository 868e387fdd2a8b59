import { Badge } from '@mantine/core'
import type { ReportSummary } from '../report/api'
import { stateWord, tierWord } from '../report/words'
import { Instant } from '../time/instant'
import classes from './moderation.module.css'
import { formTitle, useForms } from './reports'

interface Props {
  reports: readonly ReportSummary[]
  at: string | null
  onShow: (id: string) => void
  /** Whether they stand by when they are due: then that is told instead of when they came. */
  byDue?: boolean
}

/** Reports in two lines each. */
export function ReportList({ reports, at, onShow, byDue }: Props) {
  const forms = useForms()
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
              {report.unreviewed ? <Badge color="indigo">by automation</Badge> : null}
              {report.overdue ? <Badge color="indigo">late</Badge> : null}
              {report.appeal ? <Badge color="indigo">appeal</Badge> : null}
              <Badge data-state={report.state}>{stateWord(report.state)}</Badge>
            </span>
            <span className={classes.rowAbout}>
              {[formTitle(report.form, forms), report.service, reporterWords(report)].filter(Boolean).join(' · ')}
            </span>
            <span className={classes.rowTime}>
              {byDue && report.due_at ? (
                <>
                  due <Instant ms={Date.parse(report.due_at)} relative />
                </>
              ) : (
                <Instant ms={Date.parse(report.created_at)} relative />
              )}
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}

/** Who reported, as far as it is known. */
export function reporterWords({ reporter, tier }: Pick<ReportSummary, 'reporter' | 'tier'>): string {
  if (!reporter || reporter.kind === 'anonymous') return 'anonymous'
  const name = reporter.name ?? reporter.kind
  return tier ? `${name} (${tierWord(tier)})` : name
}
