import { Chip, Group, Text, UnstyledButton } from '@mantine/core'
import {
  IconBolt,
  IconFlag,
  IconGitMerge,
  IconMessage,
  IconPencil,
  IconRobot,
  IconRocket,
  IconTarget,
  IconTimelineEvent,
  IconUser,
} from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { TimelineEntry, WholeIncident } from '../api/pending'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { principalName, useNameOf } from '../people/people'
import { dayHeading, dayOf, timeOfDay, utc } from '../time/format'
import { timelineQuery } from './incident'
import { folded, laneOf, LANES, retold, timelineOf, type Folded } from './timeline'
import classes from './incident.module.css'

const ICONS: Record<string, typeof IconUser> = {
  finding: IconTarget,
  event: IconTimelineEvent,
  comment: IconMessage,
  change: IconPencil,
  merge: IconGitMerge,
  link: IconGitMerge,
  report: IconFlag,
  deploy: IconRocket,
  action: IconBolt,
}

/** Where an entry comes from: a record of a source, a person, a rule, the machine. */
const PROVENANCE: Record<string, { icon: typeof IconUser; word: string }> = {
  source: { icon: IconTimelineEvent, word: 'from a source' },
  // a person, or a program with a token of theirs
  person: { icon: IconUser, word: 'by hand' },
  rule: { icon: IconTarget, word: 'by a rule' },
  machine: { icon: IconRobot, word: 'by huecry itself' },
}

/** Everything that happened, in one stream, the newest first. */
export function TimelineView({ whole, onFinding }: { whole: WholeIncident; onFinding: (id: string) => void }) {
  const [off, setOff] = useState<ReadonlySet<string>>(new Set())
  const asked = useInfiniteQuery(timelineQuery(whole.incident.id))
  const entries = useMemo(() => {
    const given = asked.data?.pages.flatMap((page) => page?.items ?? []) ?? []
    if (asked.data?.pages[0]) return given.map(retold)
    return timelineOf(whole.findings.items, whole.comments.items, whole.history.items)
  }, [asked.data, whole])
  if (asked.isPending) return <Loading />
  if (asked.isError) return <ProblemNote error={asked.error} what="The timeline" retry={() => void asked.refetch()} />
  const lanes = LANES.filter((lane) => entries.some((entry) => laneOf(entry.kind) === lane.name))
  const shown = folded(entries.filter((entry) => !off.has(laneOf(entry.kind))))
  const cut = asked.data.pages[0] === null && (whole.findings.next || whole.history.next || whole.comments.next)
  return (
    <>
      {lanes.length > 1 ? (
        <Group gap={6} mt="sm" mb="xs" role="group" aria-label="What the timeline shows">
          {lanes.map(({ name }) => (
            <Chip
              key={name}
              size="xs"
              variant="outline"
              checked={!off.has(name)}
              onChange={(on) => setOff(toggledSet(off, name, !on))}
            >
              {name} · {entries.filter((entry) => laneOf(entry.kind) === name).length}
            </Chip>
          ))}
        </Group>
      ) : null}
      <ol className={classes.timeline}>
        {shown.map((each, index) => (
          <Entry
            key={`${each.entry.kind}-${each.entry.ref ?? index}-${String(each.entry.at_ms)}`}
            {...each}
            before={shown[index - 1]}
            onFinding={onFinding}
          />
        ))}
      </ol>
      {cut ? (
        <Text className="dim">
          Only the first findings and the newest changes are shown here; all findings are under Findings.
        </Text>
      ) : null}
      {asked.hasNextPage ? (
        <UnstyledButton className={classes.moreLink} onClick={() => void asked.fetchNextPage()}>
          {asked.isFetchingNextPage ? 'Loading…' : 'Show earlier entries'}
        </UnstyledButton>
      ) : null}
    </>
  )
}

function toggledSet(set: ReadonlySet<string>, value: string, on: boolean): ReadonlySet<string> {
  const next = new Set(set)
  if (on) next.add(value)
  else next.delete(value)
  return next
}

function Entry({
  entry,
  times,
  before,
  onFinding,
}: Folded & { before: Folded | undefined; onFinding: (id: string) => void }) {
  const name = useNameOf()
  const newDay = !before || dayOf(before.until_ms) !== dayOf(entry.at_ms)
  const Icon = ICONS[entry.kind] ?? IconPencil
  const from = PROVENANCE[entry.provenance] ?? { icon: IconRobot, word: entry.provenance }
  const byToken = (entry.by as { kind?: string } | null)?.kind === 'token'
  const fromWord = byToken ? 'with a token' : from.word
  const detail = (entry.detail ?? {}) as {
    reason?: string
    withheld?: boolean
    matched?: { field: string; value: string }[]
  }
  const { ref } = entry
  const isChange = laneOf(entry.kind) === 'Changes'
  return (
    <>
      {newDay ? <li className={classes.day}>{dayHeading(entry.at_ms)}</li> : null}
      <li className={classes.entry} data-kind={entry.kind} data-provenance={entry.provenance}>
        <span className={classes.icon} title={`${entry.kind}, ${fromWord}`}>
          <Icon size={15} stroke={1.8} aria-hidden />
        </span>
        <div className={classes.entryBody}>
          <div className={entry.kind === 'comment' ? classes.comment : 'wrap'}>
            {isChange ? <b>{principalName(entry.by, name)} </b> : null}
            {entry.kind === 'finding' && ref ? (
              <UnstyledButton className={classes.link} onClick={() => onFinding(ref)}>
                {entry.title}
              </UnstyledButton>
            ) : (
              changeWords(entry, name)
            )}
            {times > 1 ? <b className="dim"> × {times}</b> : null}
          </div>
          <div className={classes.by}>
            <from.icon size={12} aria-hidden />
            <span>{isChange ? fromWord : `${principalName(entry.by, name)}, ${fromWord}`}</span>
          </div>
          {detail.reason ? <div className={classes.reason}>“{detail.reason}”</div> : null}
          {detail.withheld ? <div className="dim">Values withheld: they name an incident you may not see.</div> : null}
          {times === 1 && detail.matched?.[0] ? (
            <code className="dim wrap">
              {detail.matched[0].field}: {detail.matched[0].value}
            </code>
          ) : null}
        </div>
        <time className={classes.at} dateTime={new Date(entry.at_ms).toISOString()} title={utc(entry.at_ms)}>
          {timeOfDay(entry.at_ms)}
        </time>
      </li>
    </>
  )
}

/** Ids inside a sentence: of people as names, of incidents as links. */
function changeWords(entry: TimelineEntry, name: (id: string) => string): React.ReactNode {
  const named = entry.title.replace(/per_[0-9A-Z]{26}/g, (id) => name(id))
  return named.split(/(inc_[0-9A-Z]{26})/).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      <Link key={index} to="/incidents/$id" params={{ id: part }} className={classes.link}>
        another incident (…{part.slice(-6)})
      </Link>
    ),
  )
}
