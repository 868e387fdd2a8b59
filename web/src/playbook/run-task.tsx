import { Badge, Button, Checkbox, Group, Select, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { containmentQuery, isOvertaken } from '../contain/containments'
import { Countdown } from '../contain/countdown'
import { ReasonForm } from '../contain/reason-form'
import { Refused } from '../contain/refused'
import { StateMark } from '../contain/state-mark'
import { noticeDone } from '../feedback/notices'
import { principalName, useNameOf } from '../people/people'
import { duration } from '../time/format'
import { Instant } from '../time/instant'
import { answerStep, type Answer, type Run, type RunStep } from './api'
import { readChecklist, type Checklist } from './checklist'
import classes from './playbook.module.css'
import { keepRun, playbookQuery } from './playbooks'
import { StepMark } from './state-mark'
import { kindWord, plainName, waitsForPerson } from './words'

/** One step of a run: where it stands, how long it took, by whom; and its answer, where it waits for one. */
export function RunTask({ run, task }: { run: Run; task: RunStep }) {
  const waits = waitsForPerson(task) && run.state === 'running'
  return (
    <li className={classes.task} data-waits={waits || undefined} data-task={task.task} data-state={task.state}>
      <div className={classes.taskHead}>
        <span className={classes.taskName}>{task.name}</span>
        <Badge>{kindWord(task.kind)}</Badge>
        <StepMark state={task.state} />
      </div>
      <Times task={task} />
      {task.reason ? <div className={classes.reason}>{task.reason}</div> : null}
      {task.containment ? <ItsContainment id={task.containment} /> : null}
      {task.child ? (
        <Text>
          <Link to="/runs/$id" params={{ id: task.child }}>
            The run that it began
          </Link>
        </Text>
      ) : null}
      {waits && run.can.answer ? <AnswerForm run={run} task={task} /> : <Said task={task} />}
    </li>
  )
}

function Times({ task }: { task: RunStep }) {
  const name = useNameOf()
  const { begun_at, ended_at, due_at, by } = task
  const begun_ms = begun_at ? Date.parse(begun_at) : null
  const ended_ms = ended_at ? Date.parse(ended_at) : null
  return (
    <p className={classes.times}>
      {begun_ms === null ? 'not begun' : <Instant ms={begun_ms} />}
      {begun_ms !== null && ended_ms !== null ? <> · took {duration(ended_ms - begun_ms)}</> : null}
      {ended_ms === null && due_at ? (
        <>
          {' '}
          · due <Countdown at={due_at} />
        </>
      ) : null}
      {by ? <> · {principalName(by, name)}</> : null}
    </p>
  )
}

function ItsContainment({ id }: { id: string }) {
  const found = useQuery({ ...containmentQuery(id), retry: false })
  return (
    <Text component="div">
      <Link to="/containments/$id" params={{ id }}>
        {found.data ? `${found.data.title} ${found.data.target}` : 'Its containment'}
      </Link>{' '}
      {found.data ? <StateMark state={found.data.state} /> : null}
    </Text>
  )
}

function Said({ task }: { task: RunStep }) {
  if (!task.text) return null
  const { lines } = readChecklist(task)
  const brief = lines.length <= 2
  const all = (
    <div className={classes.checks}>
      {lines.map(({ text }, place) => (
        <p key={place} className={task.kind === 'manual' ? undefined : classes.command}>
          {text}
        </p>
      ))}
    </div>
  )
  return brief ? (
    all
  ) : (
    <details>
      <summary className="dim">What was to be done</summary>
      {all}
    </details>
  )
}

/** A manual step as a checklist, with what becomes of it. */
function AnswerForm({ run, task }: { run: Run; task: RunStep }) {
  const client = useQueryClient()
  const [checklist] = useState(() => readChecklist(task))
  const [ask, setAsk] = useState<'failed' | 'skipped' | null>(null)
  const [values, setValues] = useState<Record<string, string>>({})
  const answer = useMutation({
    mutationFn: ({ answer, reason }: { answer: Answer; reason?: string }) => {
      const said = Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim() !== ''))
      const told = answer === 'done' && Object.keys(said).length > 0 ? { values: said } : {}
      return answerStep(run, task.task, { answer, reason, ...told })
    },
    onSuccess: (now) => {
      keepRun(client, now)
      noticeDone('Kept; the run goes on')
    },
    onError: (error) => {
      if (isOvertaken(error)) void client.invalidateQueries({ queryKey: ['run', run.id] })
    },
  })
  return (
    <section className={classes.answer} aria-label={`Answer: ${task.name}`}>
      <Checks checklist={checklist} />
      {task.state === 'unknown' ? (
        <Text>
          <b>Nobody can tell whether its request had its effect.</b> Look there, and say what happened.
        </Text>
      ) : null}
      <Values playbook={run.playbook} checklist={checklist} values={values} onChange={setValues} />
      {ask === null ? (
        <Group gap="xs">
          <Button loading={answer.isPending} onClick={() => answer.mutate({ answer: 'done' })}>
            {task.state === 'unknown' ? 'It happened' : 'Done'}
          </Button>
          <Button variant="default" disabled={answer.isPending} onClick={() => setAsk('failed')}>
            {task.state === 'unknown' ? 'It did not happen…' : 'Failed…'}
          </Button>
          {task.state === 'unknown' ? null : (
            <Button variant="default" disabled={answer.isPending} onClick={() => setAsk('skipped')}>
              Skip…
            </Button>
          )}
        </Group>
      ) : (
        <ReasonForm
          key={ask}
          label={ask === 'failed' ? 'What went wrong?' : 'Why is it left out?'}
          description={
            ask === 'failed'
              ? 'The run goes on as the playbook says for a failure.'
              : 'The run goes on as if it had been done.'
          }
          word={ask === 'failed' ? 'It failed' : 'Skip it'}
          grave={ask === 'failed'}
          busy={answer.isPending}
          onLeave={() => setAsk(null)}
          onReason={(reason) => answer.mutate({ answer: ask, reason })}
        />
      )}
      {answer.isError ? <Refused error={answer.error} what="It was not kept" /> : null}
    </section>
  )
}

function Checks({ checklist }: { checklist: Checklist }) {
  const [ticked, setTicked] = useState<ReadonlySet<number>>(new Set())
  const items = checklist.lines.filter(({ kind }) => kind === 'item').length
  const toggle = (place: number) => {
    const next = new Set(ticked)
    if (!next.delete(place)) next.add(place)
    setTicked(next)
  }
  return (
    <div className={classes.checks}>
      {checklist.lines.map(({ kind, text }, place) =>
        kind === 'item' ? (
          <Checkbox key={place} size="sm" label={text} checked={ticked.has(place)} onChange={() => toggle(place)} />
        ) : (
          <p key={place}>{text}</p>
        ),
      )}
      {items > 0 ? (
        <Text size="xs" className="dim" role="status">
          {String(ticked.size)} of {String(items)} ticked; the ticks stay in this tab
        </Text>
      ) : null}
    </div>
  )
}

interface ValuesProps {
  /** The playbook's id: it knows of what type a value is. */
  playbook: string
  checklist: Checklist
  values: Record<string, string>
  onChange: (values: Record<string, string>) => void
}

/** What the run is to know from whoever did the step. */
function Values({ playbook, checklist, values, onChange }: ValuesProps) {
  const found = useQuery({ ...playbookQuery(playbook), enabled: checklist.asked.length > 0, retry: false })
  if (checklist.asked.length === 0) return null
  return (
    <div className={classes.values}>
      {checklist.asked.map(({ name, isBoolean }) => {
        const variable = found.data?.variables.find((each) => each.name === name)
        const shared = { label: plainName(name), description: variable?.description || undefined }
        return isBoolean || variable?.type === 'boolean' ? (
          <Select
            key={name}
            {...shared}
            placeholder="as it is"
            clearable
            clearButtonProps={{ 'aria-label': 'As it is' }}
            data={[
              { value: 'true', label: 'yes' },
              { value: 'false', label: 'no' },
            ]}
            value={values[name] || null}
            onChange={(value) => onChange({ ...values, [name]: value ?? '' })}
          />
        ) : (
          <TextInput
            key={name}
            {...shared}
            placeholder="as it is"
            value={values[name] ?? ''}
            onChange={(event) => onChange({ ...values, [name]: event.currentTarget.value })}
          />
        )
      })}
    </div>
  )
}
