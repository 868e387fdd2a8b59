import { ActionIcon, Button, Group, Menu, Modal, Select, Textarea, Tooltip } from '@mantine/core'
import { IconCheck, IconDots, IconGitMerge, IconLink, IconHandGrab } from '@tabler/icons-react'
import { useState } from 'react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Incident, Visibility } from '../api/pending'
import { noticeDone, noticeError } from '../feedback/notices'
import { useNameOf, useOwnName, usePeople } from '../people/people'
import { SEVERITIES } from '../severity/severity'
import { useMay } from '../session/use-session'
import { setVisibility } from './case'
import { LinkDialog, MergeDialog } from './case-dialogs'
import type { Edit } from './decide'
import type { Desk } from './desk'
import { isOpen, statusWord } from './words'

/** Where an incident can go from where it stands. */
const NEXT: Record<string, string[]> = {
  new: ['in_progress', 'on_hold', 'resolved'],
  in_progress: ['on_hold', 'resolved'],
  on_hold: ['in_progress', 'resolved'],
  resolved: [],
  closed: [],
}

const VISIBILITIES: { value: Visibility; label: string }[] = [
  { value: 'everyone', label: 'Everyone who reads incidents' },
  { value: 'team', label: 'The team it is about' },
  { value: 'restricted', label: 'Only who has it, and admins' },
]

export function DecisionBar({ incident, desk }: { incident: Incident; desk: Desk }) {
  const [asked, setAsked] = useState<{ edit: Edit; title: string } | null>(null)
  const [dialog, setDialog] = useState<'merge' | 'link' | null>(null)
  const mayWrite = useMay('incidents:write')
  const { own } = useOwnName()
  const client = useQueryClient()
  const see = useMutation({
    mutationFn: (visibility: Visibility) => setVisibility(incident, visibility, ''),
    onSuccess: () => noticeDone('Who may see it is changed'),
    onError: (error) => noticeError('Who may see it was not changed', error),
    onSettled: () => void client.invalidateQueries({ queryKey: ['incident', incident.id] }),
  })
  const open = isOpen(incident.status)
  if (!mayWrite) return null
  const next = NEXT[incident.status] ?? []
  return (
    <Group gap={6} role="group" aria-label="Decide">
      {open ? (
        <Tooltip label="Close with a verdict (e)">
          <Button leftSection={<IconCheck size={15} />} onClick={() => desk.close(incident)} loading={desk.busy}>
            Close…
          </Button>
        </Tooltip>
      ) : (
        <Button variant="default" onClick={() => setAsked({ edit: { status: 'in_progress' }, title: 'Open it again' })}>
          Open again…
        </Button>
      )}
      {open && (!incident.assignee || incident.assignee !== own) ? (
        <Tooltip label="Assign it to yourself (a)">
          <Button variant="default" leftSection={<IconHandGrab size={15} />} onClick={() => desk.take(incident)}>
            Take
          </Button>
        </Tooltip>
      ) : null}
      <AssigneeSelect incident={incident} onAssign={(assignee) => desk.decide(incident, { assignee })} />
      {next.length > 0 ? (
        <Menu>
          <Menu.Target>
            <Button variant="default">Status</Button>
          </Menu.Target>
          <Menu.Dropdown>
            {next.map((status) => (
              <Menu.Item key={status} onClick={() => desk.decide(incident, { status })}>
                {statusWord(status)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      ) : null}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label="More">
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconGitMerge size={15} />} onClick={() => setDialog('merge')}>
            Merge into…
          </Menu.Item>
          <Menu.Item leftSection={<IconLink size={15} />} onClick={() => setDialog('link')}>
            Link to…
          </Menu.Item>
          {incident.visibility ? (
            <>
              <Menu.Label>Who may see it</Menu.Label>
              {VISIBILITIES.filter(({ value }) => value !== incident.visibility).map(({ value, label }) => (
                <Menu.Item key={value} onClick={() => see.mutate(value)}>
                  {label}
                </Menu.Item>
              ))}
            </>
          ) : null}
          <Menu.Label>Severity</Menu.Label>
          {SEVERITIES.filter((severity) => severity !== incident.severity).map((severity) => (
            <Menu.Item key={severity} onClick={() => setAsked({ edit: { severity }, title: `Severity: ${severity}` })}>
              {severity}
            </Menu.Item>
          ))}
          {incident.severity_override ? (
            <Menu.Item onClick={() => setAsked({ edit: { severity: null }, title: 'Severity as the machine says' })}>
              as the machine says ({incident.machine_severity})
            </Menu.Item>
          ) : null}
        </Menu.Dropdown>
      </Menu>
      <ReasonDialog asked={asked} onClose={() => setAsked(null)} onReason={(edit) => desk.decide(incident, edit)} />
      <MergeDialog opened={dialog === 'merge'} incident={incident} onClose={() => setDialog(null)} />
      <LinkDialog opened={dialog === 'link'} incident={incident} onClose={() => setDialog(null)} />
    </Group>
  )
}

function AssigneeSelect({ incident, onAssign }: { incident: Incident; onAssign: (assignee: string | null) => void }) {
  const people = usePeople()
  const { own } = useOwnName()
  const name = useNameOf()
  const known = new Map(people.map((person) => [person.id, person.name]))
  for (const id of [own, incident.assignee]) if (id && !known.has(id)) known.set(id, name(id))
  return (
    <Select
      flex="0 1 188px"
      miw={124}
      aria-label="Assignee"
      placeholder="Nobody has it"
      searchable
      clearable
      value={incident.assignee ?? null}
      data={[...known].map(([value, label]) => ({ value, label }))}
      nothingFoundMessage="Nobody of that name is known here"
      clearButtonProps={{ 'aria-label': 'Give it back' }}
      onChange={(value) => (value === (incident.assignee ?? null) ? undefined : onAssign(value))}
    />
  )
}

interface ReasonProps {
  asked: { edit: Edit; title: string } | null
  onClose: () => void
  onReason: (edit: Edit) => void
}

/** Some decisions are explained. */
function ReasonDialog({ asked, onClose, onReason }: ReasonProps) {
  const [reason, setReason] = useState('')
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    if (!asked) return
    onReason({ ...asked.edit, reason: reason.trim() })
    setReason('')
    onClose()
  }
  return (
    <Modal opened={asked !== null} onClose={onClose} title={asked?.title ?? ''} size="sm">
      <form onSubmit={submit}>
        <Textarea
          label="Why? It stands in the history."
          data-autofocus
          required
          autosize
          minRows={2}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group justify="flex-end" mt="md">
          <Button type="submit" disabled={!reason.trim()}>
            Decide
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
