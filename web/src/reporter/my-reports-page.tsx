import { Anchor, Badge, Button, Group, Text, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page, Section } from '../layout/page'
import { formTitle, useForms } from '../moderation/reports'
import { secretIn } from '../receipt/secret'
import { claimReport, loadOwnReports, type ReportSummary } from '../report/api'
import { stateWord } from '../report/words'
import { Instant } from '../time/instant'
import { CreditSection } from './credit-section'
import { ReputationSection } from './reputation-section'

/** What one reported, what came of it, and how one stands by it. */
export function MyReportsPage() {
  return (
    <Page
      title="My reports"
      about="What you reported under your name. Reports that you sent without it are nowhere with it, unless you add them."
      tools={
        <Button component="a" href="/report">
          Report something
        </Button>
      }
    >
      <OwnReports />
      <Claim />
      <ReputationSection />
      <CreditSection />
    </Page>
  )
}

function OwnReports() {
  const list = useInfiniteQuery({
    queryKey: ['reports', 'own'],
    queryFn: ({ pageParam, signal }) => loadOwnReports(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: 15_000,
  })
  const reports = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Section title="Sent">
      {list.isPending ? <Loading lines={3} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="Your reports" retry={() => void list.refetch()} /> : null}
      {list.data && reports.length === 0 ? (
        <Empty title="You reported nothing yet">
          When something looks wrong, <a href="/report">say so</a>. It takes seconds, and being wrong never counts
          against you.
        </Empty>
      ) : null}
      {reports.length > 0 ? <Table reports={reports} /> : null}
      {list.hasNextPage ? (
        <Button mt="sm" variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Load more
        </Button>
      ) : null}
    </Section>
  )
}

function Table({ reports }: { reports: readonly ReportSummary[] }) {
  const forms = useForms()
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Your reports">
      <table className="table">
        <thead>
          <tr>
            <th>Report</th>
            <th>About</th>
            <th>State</th>
            <th>Sent</th>
            <th>Changed</th>
          </tr>
        </thead>
        <tbody>
          {reports.map((report) => (
            <tr key={report.id}>
              <td>
                <b className="wrap">{report.title}</b>
                <br />
                <code className="dim">{report.id}</code>
              </td>
              <td>
                {formTitle(report.form, forms)}
                {report.service ? <div className="dim">{report.service}</div> : null}
              </td>
              <td>
                <Badge>{stateWord(report.state)}</Badge>
              </td>
              <td className="nowrap">
                <Instant ms={Date.parse(report.created_at)} />
              </td>
              <td className="nowrap">
                <Instant ms={Date.parse(report.updated_at)} relative />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** A report that was sent without a name becomes one's own; only whoever has its receipt can say so. */
function Claim() {
  const client = useQueryClient()
  const [link, setLink] = useState('')
  const [fault, setFault] = useState('')
  const claim = useMutation({
    mutationFn: claimReport,
    onSuccess: () => {
      setLink('')
      noticeDone('It is among your reports now')
      void client.invalidateQueries({ queryKey: ['reports', 'own'] })
    },
  })
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const secret = secretIn(link)
    setFault(secret === null ? 'A receipt’s link ends in #hcrc_ and many letters' : '')
    if (secret !== null) claim.mutate(secret)
  }
  return (
    <Section
      title="Add one that you sent without your name"
      about="Those who decide see your name beside it from then on."
    >
      <form onSubmit={submit}>
        <Group align="start" gap="xs">
          <TextInput
            aria-label="The receipt’s link"
            placeholder="https://…/receipt#hcrc_…"
            flex="1 1 260px"
            maw={520}
            autoComplete="off"
            value={link}
            error={fault || undefined}
            onChange={(event) => setLink(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" loading={claim.isPending}>
            Add it
          </Button>
        </Group>
        {claim.isError ? <ProblemNote error={claim.error} what="It was not added" /> : null}
      </form>
      <Text className="dim" mt={4}>
        <Anchor size="sm" href="/receipt">
          Open a receipt
        </Anchor>
      </Text>
    </Section>
  )
}
