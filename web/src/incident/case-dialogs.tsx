import { Button, Group, Modal, Select, Text, TextInput, UnstyledButton } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import type { Incident } from '../api/pending'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { SeverityMark } from '../severity/severity-mark'
import { linkTo, LINK_KINDS, mergeInto, splitOff, type LinkKind } from './case'
import classes from './incident.module.css'
import { searchIncidents } from './search'
import { statusWord } from './words'

interface DialogProps {
  opened: boolean
  incident: Incident
  onClose: () => void
}

function useCase(done: string, act: () => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: () => {
      noticeDone(done)
      void client.invalidateQueries({ queryKey: ['incident'] })
      void client.invalidateQueries({ queryKey: ['incidents'] })
      void client.invalidateQueries({ queryKey: ['facets'] })
      onDone()
    },
  })
}

export function MergeDialog({ opened, incident, onClose }: DialogProps) {
  const [into, setInto] = useState<Incident | null>(null)
  const merge = useCase(
    'Merged; it can be taken back on the merged incident',
    () => mergeInto(incident, into?.id ?? ''),
    onClose,
  )
  return (
    <Modal opened={opened} onClose={onClose} title="Merge into another incident" size="lg">
      <Text mb="sm">
        Findings and comments of this one go there, and so will new ones. It can be taken back: unmerge gives this
        incident its findings again.
      </Text>
      <IncidentChoice not={incident.id} chosen={into} onChoose={setInto} />
      {merge.isError ? <ProblemNote error={merge.error} what="Merging" /> : null}
      <Group justify="flex-end" mt="md">
        <Button disabled={!into} loading={merge.isPending} onClick={() => merge.mutate()}>
          Merge
        </Button>
      </Group>
    </Modal>
  )
}

export function LinkDialog({ opened, incident, onClose }: DialogProps) {
  const [to, setTo] = useState<Incident | null>(null)
  const [kind, setKind] = useState<LinkKind>('related')
  const link = useCase('Linked', () => linkTo(incident, to?.id ?? '', kind), onClose)
  return (
    <Modal opened={opened} onClose={onClose} title="Link to another incident" size="lg">
      <Select
        mb="sm"
        label="This incident"
        data={[...LINK_KINDS]}
        value={kind}
        allowDeselect={false}
        onChange={(value) => setKind(value as LinkKind)}
      />
      <IncidentChoice not={incident.id} chosen={to} onChoose={setTo} />
      {link.isError ? <ProblemNote error={link.error} what="Linking" /> : null}
      <Group justify="flex-end" mt="md">
        <Button disabled={!to} loading={link.isPending} onClick={() => link.mutate()}>
          Link
        </Button>
      </Group>
    </Modal>
  )
}

export function SplitDialog({
  opened,
  incident,
  findings,
  onClose,
  onDone,
}: DialogProps & { findings: string[]; onDone: () => void }) {
  const [title, setTitle] = useState('')
  const done = () => {
    onDone()
    onClose()
  }
  const split = useCase('Split off', () => splitOff(incident, findings, title.trim()), done)
  return (
    <Modal opened={opened} onClose={onClose} title={`Split off ${String(findings.length)} findings`} size="md">
      <Text mb="sm">They make an incident of their own, and the machine will not put them together again.</Text>
      <TextInput
        label="Title"
        placeholder="that of the gravest finding"
        data-autofocus
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      {split.isError ? <ProblemNote error={split.error} what="Splitting" /> : null}
      <Group justify="flex-end" mt="md">
        <Button loading={split.isPending} onClick={() => split.mutate()}>
          Split
        </Button>
      </Group>
    </Modal>
  )
}

function IncidentChoice({
  not,
  chosen,
  onChoose,
}: {
  not: string
  chosen: Incident | null
  onChoose: (incident: Incident) => void
}) {
  const [text, setText] = useState('')
  const asked = useDeferredValue(text.trim())
  const found = useQuery({
    queryKey: ['choice', asked],
    queryFn: ({ signal }) => searchIncidents(asked, signal),
    enabled: asked.length >= 3,
    retry: false,
  })
  return (
    <>
      <TextInput
        label="The other incident"
        placeholder="its title or id"
        data-autofocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {found.isError ? <ProblemNote error={found.error} what="Searching" /> : null}
      <div className={classes.choices} role="listbox" aria-label="Incidents found">
        {(found.data ?? [])
          .filter((incident) => incident.id !== not)
          .map((incident) => (
            <UnstyledButton
              key={incident.id}
              role="option"
              aria-selected={chosen?.id === incident.id}
              className={classes.choice}
              onClick={() => onChoose(incident)}
            >
              <SeverityMark severity={incident.severity} bare />
              <span className="wrap">{incident.title}</span>
              <span className="dim nowrap">{statusWord(incident.status)}</span>
            </UnstyledButton>
          ))}
      </div>
    </>
  )
}
