import { Button, Checkbox, Group, Text, UnstyledButton } from '@mantine/core'
import { IconChevronRight } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { Finding, Incident } from '../api/pending'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { SplitDialog } from './case-dialogs'
import { findingsQuery } from './incident'
import classes from './incident.module.css'
import { TraceView } from './trace-view'

/** What makes up the incident; each finding opens into its trace. */
export function FindingsView({ incident, shown }: { incident: Incident; shown: string | null }) {
  const list = useInfiniteQuery(findingsQuery(incident.id))
  const [open, setOpen] = useState<string | null>(shown)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [splitting, setSplitting] = useState(false)
  if (list.isPending) return <Loading />
  if (list.isError) return <ProblemNote error={list.error} what="The findings" retry={() => void list.refetch()} />
  const findings = list.data.pages.flatMap((page) => page.items)
  const choose = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    setChosen(next)
  }
  return (
    <>
      {chosen.size > 0 ? (
        <Group mb="xs">
          <Text>{count(chosen.size)} chosen</Text>
          <Button variant="default" onClick={() => setSplitting(true)} disabled={chosen.size >= incident.findings}>
            Split into an incident of their own
          </Button>
        </Group>
      ) : null}
      <ul className={classes.findings}>
        {findings.map((finding) => (
          <FindingRow
            key={finding.id}
            finding={finding}
            open={open === finding.id}
            onOpen={() => setOpen(open === finding.id ? null : finding.id)}
            chosen={chosen.has(finding.id)}
            onChoose={() => choose(finding.id)}
          />
        ))}
      </ul>
      {list.hasNextPage ? (
        <Button variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {count(findings.length)} of {count(incident.findings)}: load more
        </Button>
      ) : null}
      <SplitDialog
        opened={splitting}
        incident={incident}
        findings={[...chosen]}
        onClose={() => setSplitting(false)}
        onDone={() => setChosen(new Set())}
      />
    </>
  )
}

interface RowProps {
  finding: Finding
  open: boolean
  chosen: boolean
  onOpen: () => void
  onChoose: () => void
}

function FindingRow({ finding, open, chosen, onOpen, onChoose }: RowProps) {
  const row = useRef<HTMLLIElement>(null)
  const [asked] = useState(open)
  useEffect(() => {
    if (asked) row.current?.scrollIntoView({ block: 'start' })
  }, [asked])
  return (
    <li ref={row} className={classes.finding} data-open={open || undefined}>
      <div className={classes.findingHead}>
        <Checkbox checked={chosen} onChange={onChoose} aria-label={`Choose: ${finding.rule_title}`} />
        <UnstyledButton className={classes.findingTitle} onClick={onOpen} aria-expanded={open}>
          <IconChevronRight size={14} aria-hidden className={classes.chevron} />
          <SeverityMark severity={finding.severity} bare />
          <span className="wrap">{finding.rule_title}</span>
        </UnstyledButton>
        <span className={classes.at}>
          <Instant ms={finding.time_ms} />
        </span>
      </div>
      {open ? <TraceView finding={finding} /> : null}
    </li>
  )
}
