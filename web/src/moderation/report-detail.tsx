import { Anchor, Badge, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { call } from '../api/client'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { principalName, useNameOf } from '../people/people'
import { attachmentUrl, loadReport, type Attachment, type ReportSummary, type WholeReport } from '../report/api'
import { contextWord } from '../report/prefill'
import { isUndecided, stateWord, tierWord } from '../report/words'
import { useMay } from '../session/use-session'
import { bytes } from '../time/format'
import { Instant } from '../time/instant'
import { DecisionForm } from './decision-form'
import { MessageList } from './message-list'
import classes from './moderation.module.css'
import { reporterWords } from './report-list'
import { fieldLabel, formTitle, useForms } from './reports'
import { ReviewForm } from './review-form'
import { SubjectAppeal } from './subject-appeal'

const LOOK_MS = 10_000

/** A report with all that helps to decide it. */
export function ReportDetail({ id, onNext }: { id: string; onNext: () => void }) {
  const mayModerate = useMay('reports:moderate')
  const found = useQuery({
    queryKey: ['report', id],
    queryFn: ({ signal }) => loadReport(id, signal),
    refetchInterval: LOOK_MS,
  })
  if (found.isPending) return <Loading />
  if (found.isError) return <ProblemNote error={found.error} what="The report" retry={() => void found.refetch()} />
  const report = found.data
  return (
    <article className={classes.detail}>
      <Head report={report} />
      <div className={classes.columns}>
        <div className={classes.main}>
          <Said report={report} />
          {report.attachments.length > 0 ? <Files report={report} mayRemove={mayModerate} /> : null}
          {report.decision ? <Decided report={report} /> : null}
          {report.can?.review ? <ReviewForm report={report} onNext={onNext} /> : null}
          {report.can?.appeal === 'subject' ? <SubjectAppeal id={id} /> : null}
          {mayModerate && isUndecided(report.state) ? <DecisionForm report={report} onNext={onNext} /> : null}
          <MessageList report={report} mayWrite={mayModerate} />
        </div>
        <aside className={classes.side} aria-label="History">
          <Beside report={report} />
        </aside>
      </div>
    </article>
  )
}

function Head({ report }: { report: WholeReport }) {
  const forms = useForms()
  return (
    <header className={classes.head}>
      <div className={classes.badges}>
        <Badge data-state={report.state}>{stateWord(report.state)}</Badge>
        <span className="dim">{formTitle(report.form, forms)}</span>
        <code className="dim wrap">{report.id}</code>
      </div>
      <h2 className="wrap">{report.title}</h2>
      <Text className="dim">
        {reporterWords(report)}
        {report.channel ? ` · by ${report.channel}` : ''} · <Instant ms={Date.parse(report.created_at)} />
        {report.service ? ` · ${report.service}` : ''}
        {report.owner ? ` (${report.owner})` : ''}
      </Text>
      {report.held_reason ? (
        <Text>
          <b>Held:</b> {report.held_reason}. Automation leaves it alone; it is read like any other.
        </Text>
      ) : null}
    </header>
  )
}

/** What the reporter wrote; each is masked since before it was sent. */
function Said({ report }: { report: WholeReport }) {
  const forms = useForms()
  const shown = (value: unknown): string =>
    Array.isArray(value) ? value.map(shown).join('\n') : typeof value === 'string' ? value : JSON.stringify(value)
  const fields = Object.entries(report.fields)
  const text = report.text && !fields.some(([, value]) => value === report.text) ? report.text : null
  const context = Object.entries(report.context ?? {}).filter(([, value]) => value != null && value !== '')
  return (
    <section aria-label="What was reported" className={classes.said}>
      {text ? <p className={classes.text}>{text}</p> : null}
      <dl className={classes.fields}>
        {fields.map(([name, value]) => (
          <div key={name}>
            <dt>{fieldLabel(report.form, name, forms)}</dt>
            <dd className={classes.text}>{shown(value)}</dd>
          </div>
        ))}
        {context.map(([name, value]) => (
          <div key={`context ${name}`}>
            <dt>{contextWord(name)}</dt>
            <dd className={`mono ${classes.text ?? ''}`}>{shown(value)}</dd>
          </div>
        ))}
      </dl>
      {report.masked_count ? (
        <Text className="dim" size="xs">
          {report.masked_count} personal or secret values were replaced
          {report.personal_held ? '; some of them only here: the reporter’s machine had let them through' : ''}.
        </Text>
      ) : null}
    </section>
  )
}

function Files({ report, mayRemove }: { report: WholeReport; mayRemove: boolean }) {
  const client = useQueryClient()
  const remove = async ({ id }: Attachment) => {
    try {
      await call('DELETE', attachmentUrl(report.id, id))
    } catch (error) {
      noticeError('The file was not removed', error)
    }
    void client.invalidateQueries({ queryKey: ['report', report.id] })
  }
  const take = async ({ id, name }: Attachment) => {
    try {
      const response = await call('GET', attachmentUrl(report.id, id))
      const url = URL.createObjectURL(await response.blob())
      Object.assign(document.createElement('a'), { href: url, download: name }).click()
      URL.revokeObjectURL(url)
    } catch (error) {
      noticeError('The file was not loaded', error)
    }
  }
  return (
    <section aria-label="Files">
      <h3>Files</h3>
      <ul className={classes.plain}>
        {report.attachments.map((file) => (
          <li key={file.id}>
            {file.state === 'removed' ? (
              <span className="wrap">{file.name}</span>
            ) : (
              <button type="button" className="text-button wrap" onClick={() => void take(file)}>
                {file.name}
              </button>
            )}{' '}
            <span className="dim">
              {bytes(file.bytes)} · {file.media_type} ·{' '}
              {file.state === 'removed' ? 'removed' : 'comes from the reporter: open it with care'}
            </span>{' '}
            {mayRemove && file.state !== 'removed' ? (
              <button
                type="button"
                className="text-button"
                aria-label={`Remove ${file.name}`}
                onClick={() => void remove(file)}
              >
                Remove
              </button>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Decided({ report }: { report: WholeReport }) {
  const name = useNameOf()
  const { decision } = report
  if (!decision) return null
  const at = decision.decided_at ? Date.parse(decision.decided_at) : null
  return (
    <section aria-label="The decision" className={classes.decided}>
      <h3>{stateWord(report.state)}</h3>
      <Text>
        {decision.reason_title ?? decision.reason ?? 'without a reason'}
        {decision.by ? ` · ${principalName(decision.by, name)}` : ''}
        {at ? (
          <>
            {' '}
            · <Instant ms={at} />
          </>
        ) : null}
        {decision.automation ? (decision.confirmed_at ? ' · by automation, confirmed' : ' · by automation') : ''}
        {decision.policy_version ? ` · policy ${String(decision.policy_version)}` : ''}
      </Text>
      {decision.note ? <p className={classes.text}>{decision.note}</p> : null}
      {report.incident ? (
        <Anchor
          size="sm"
          renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id: report.incident ?? '' }} />}
        >
          Its incident
        </Anchor>
      ) : report.state === 'accepted' ? (
        <Text className="dim" role="status">
          Its incident is being made…
        </Text>
      ) : null}
    </section>
  )
}

/** Who and what stands around it. */
function Beside({ report }: { report: WholeReport }) {
  const marks = provenanceMarks(report.provenance)
  return (
    <>
      <section>
        <h3>Reporter</h3>
        <Text>{reporterWords(report)}</Text>
        {report.reputation ? (
          <Text className="dim" size="xs">
            {tierWord(report.reputation.tier)}: {percent(report.reputation.mean)} of reports of this form turned out
            right, between {percent(report.reputation.low)} and {percent(report.reputation.high)}
          </Text>
        ) : null}
        {marks.length > 0 ? (
          <ul className={classes.plain} aria-label="What speaks for it">
            {marks.map((mark) => (
              <li key={mark}>{mark}</li>
            ))}
          </ul>
        ) : null}
      </section>
      <History title="By the same reporter" reports={report.history?.reporter ?? []} />
      <History title="On the same service" reports={report.history?.service ?? []} />
      {report.related && report.related.length > 0 ? (
        <section>
          <h3>Related incidents</h3>
          <ul className={classes.plain}>
            {report.related.map(({ id, title }) => (
              <li key={id}>
                <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id }} />}>
                  {title}
                </Anchor>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </>
  )
}

function History({ title, reports }: { title: string; reports: readonly ReportSummary[] }) {
  return (
    <section>
      <h3>{title}</h3>
      {reports.length === 0 ? <Text className="dim">nothing else</Text> : null}
      <ul className={classes.plain}>
        {reports.map((each) => (
          <li key={each.id}>
            <Anchor
              size="sm"
              renderRoot={(props) => <Link {...props} to="/reports" search={{ state: 'any', id: each.id }} />}
            >
              {each.title}
            </Anchor>{' '}
            <span className="dim">
              {stateWord(each.state)}, <Instant ms={Date.parse(each.created_at)} relative />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function percent(share: number): string {
  return `${String(Math.round(share * 100))} %`
}

/** What of the provenance speaks for the report, in words. */
export function provenanceMarks(provenance: Record<string, unknown> | null | undefined): string[] {
  if (!provenance) return []
  const marks: [boolean, string][] = [
    [provenance.sso === true, 'signed in by single sign-on'],
    [provenance.signed_commit === true, 'names a signed commit'],
    [provenance.signed_commit === false, 'names a commit whose signature does not hold'],
    [provenance.corroborated === true, 'others reported the same'],
    [provenance.telemetry_match === true, 'telemetry shows it, too'],
  ]
  return marks.filter(([holds]) => holds).map(([, words]) => words)
}
