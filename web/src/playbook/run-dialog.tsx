import { Badge, Button, Group, Modal, Text, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Entity } from '../contain/draft'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { SendingKey } from '../report/draft'
import { rehearse, startRun, type Playbook } from './api'
import classes from './playbook.module.css'
import { keepRun, playbooksQuery } from './playbooks'
import { RehearsalView } from './steps-view'
import { ValuesForm } from './values-form'
import { firstValues, fittingFirst, missingValues } from './words'

interface Props {
  opened: boolean
  onClose: () => void
  /** The incident that it is for. */
  incident?: string
  /** Which, where that is decided; else it is chosen. */
  playbook?: Playbook
  entities: readonly Entity[]
}

/** Choose a playbook, fill in what it needs, see what it would do, begin. */
export function RunDialog({ opened, onClose, ...rest }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Run a playbook" size="lg">
      <Inside onClose={onClose} {...rest} />
    </Modal>
  )
}

function Inside({ onClose, incident, playbook, entities }: Omit<Props, 'opened'>) {
  const [chosen, setChosen] = useState<Playbook | null>(playbook ?? null)
  if (!chosen) return <Choice incident={incident} onChoose={setChosen} />
  return (
    <Begin
      playbook={chosen}
      incident={incident}
      entities={entities}
      onBack={playbook ? undefined : () => setChosen(null)}
      onClose={onClose}
    />
  )
}

function Choice({ incident, onChoose }: { incident?: string; onChoose: (playbook: Playbook) => void }) {
  const found = useQuery(playbooksQuery(incident))
  const [text, setText] = useState('')
  const wanted = text.trim().toLowerCase()
  const shown = fittingFirst(found.data ?? []).filter(({ name, description }) =>
    `${name} ${description ?? ''}`.toLowerCase().includes(wanted),
  )
  if (found.isPending) return <Loading />
  if (found.isError) return <ProblemNote error={found.error} what="Playbooks" />
  return (
    <>
      <TextInput
        data-autofocus
        aria-label="Search playbooks"
        placeholder="Search"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <ul className={classes.choices} aria-label="Playbooks">
        {shown.map((playbook) => (
          <li key={playbook.id}>
            <button type="button" className={classes.choice} onClick={() => onChoose(playbook)}>
              <b>{playbook.name}</b> {playbook.fits ? <Badge color="indigo">fits</Badge> : null}
              <div className="dim">{playbook.description}</div>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 ? <Text className="dim">None found</Text> : null}
    </>
  )
}

interface BeginProps {
  playbook: Playbook
  incident?: string
  entities: readonly Entity[]
  onBack?: () => void
  onClose: () => void
}

function Begin({ playbook, incident, entities, onBack, onClose }: BeginProps) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [values, setValues] = useState(() => firstValues(playbook.variables, entities))
  const [reason, setReason] = useState('')
  const [told, setTold] = useState(false)
  const [keys] = useState(() => new SendingKey())
  const without = missingValues(playbook.variables, values)
  const look = useMutation({ mutationFn: () => rehearse(playbook.id, values) })
  const begin = useMutation({
    mutationFn: () => {
      const body = { playbook: playbook.id, incident, values, reason: reason.trim() }
      return startRun(body, keys.for(JSON.stringify(body)))
    },
    onSuccess: (run) => {
      keepRun(client, run)
      noticeDone('It runs')
      onClose()
      void navigate({ to: '/runs/$id', params: { id: run.id } })
    },
  })
  const ready = without.length === 0 && reason.trim() !== ''
  return (
    <form
      className={classes.answer}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        setTold(true)
        if (ready && !begin.isPending) begin.mutate()
      }}
    >
      <div>
        <b>{playbook.name}</b>
        <Text className="dim">{playbook.description}</Text>
      </div>
      <ValuesForm
        variables={playbook.variables}
        values={values}
        entities={entities}
        missing={told ? without : []}
        onChange={(next) => {
          setValues(next)
          look.reset()
        }}
      />
      <Textarea
        label="Why?"
        description="Whoever approves its actions reads this."
        required
        autosize
        minRows={2}
        error={told && !reason.trim() ? 'It is needed' : undefined}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {look.isError ? <ProblemNote error={look.error} what="It could not be rehearsed" /> : null}
      {look.data ? <RehearsalView rehearsal={look.data} /> : null}
      {begin.isError ? <ProblemNote error={begin.error} what="It was not begun" /> : null}
      <Group gap="xs" justify="flex-end">
        {onBack ? (
          <Button variant="subtle" onClick={onBack}>
            Another one
          </Button>
        ) : null}
        <Button
          variant="default"
          loading={look.isPending}
          onClick={() => {
            setTold(true)
            if (without.length === 0) look.mutate()
          }}
        >
          Rehearse
        </Button>
        <Button type="submit" loading={begin.isPending}>
          Start
        </Button>
      </Group>
      <Text size="xs" className="dim">
        Each action that it takes is decided like any other: those that need approval wait for it.
      </Text>
    </form>
  )
}
