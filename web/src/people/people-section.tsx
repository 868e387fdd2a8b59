import { Badge, Button, Group, Modal, MultiSelect, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { callJson } from '../api/client'
import type { Page, Person, PersonLink } from '../api/pending'
import { CopyBlock } from '../feedback/copy-block'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { useSession } from '../session/use-session'
import { ROLES } from '../settings/scopes'
import { Instant } from '../time/instant'

const ROLE_CHOICES = ROLES.map((value) => ({ value, label: value.replaceAll('_', ' ') }))

export function PeopleSection() {
  const people = useQuery({
    queryKey: ['people'],
    queryFn: () => callJson<Page<Person>>('GET', '/api/v1/people', { query: { limit: 500 } }),
    retry: false,
  })
  const [inviting, setInviting] = useState(false)
  return (
    <Section
      title="People"
      about="Who may enter, and as what. People come by a one-time link or from the identity provider."
    >
      {people.isPending ? <Loading lines={3} /> : null}
      {people.isError ? <ProblemNote error={people.error} what="Signing in with names and roles" /> : null}
      {people.data ? (
        <>
          <Button mb="sm" variant="default" onClick={() => setInviting(true)}>
            Invite…
          </Button>
          <div className="panel scroll-x" tabIndex={0} role="region" aria-label="People">
            <table className="table">
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Roles</th>
                  <th>Signed in</th>
                  <th aria-label="Change" />
                </tr>
              </thead>
              <tbody>
                {people.data.items.map((person) => (
                  <Row key={person.id} person={person} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      ) : null}
      {inviting ? <Invite onClose={() => setInviting(false)} /> : null}
    </Section>
  )
}

function Row({ person }: { person: Person }) {
  const session = useSession()
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: (body: { roles?: string[]; disabled?: boolean }) =>
      callJson<Person>('PATCH', `/api/v1/people/${person.id}`, { body, ifMatch: person.version }),
    onError: (error) => noticeError(`${person.name} was not changed`, error),
    onSettled: () => void client.invalidateQueries({ queryKey: ['people'] }),
  })
  return (
    <tr>
      <td>
        {person.name} {session?.person.id === person.id ? <Badge color="indigo">you</Badge> : null}{' '}
        {person.disabled ? <Badge color="red">kept out</Badge> : null}
        <div className="dim">{person.email ?? ''}</div>
      </td>
      <td>
        <MultiSelect
          aria-label={`Roles of ${person.name}`}
          data={ROLE_CHOICES}
          value={person.roles ?? []}
          disabled={change.isPending}
          onChange={(roles) => change.mutate({ roles })}
        />
      </td>
      <td className="nowrap">
        {person.signed_in_at_ms ? <Instant ms={person.signed_in_at_ms} /> : <span className="dim">not said</span>}
      </td>
      <td className="actions">
        <Button
          variant="subtle"
          color={person.disabled ? 'gray' : 'red'}
          loading={change.isPending}
          onClick={() => change.mutate({ disabled: !person.disabled })}
        >
          {person.disabled ? 'Let in again' : 'Keep out'}
        </Button>
      </td>
    </tr>
  )
}

function Invite({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<string[]>(['responder'])
  const make = useMutation({
    mutationFn: () => callJson<PersonLink>('POST', '/api/v1/people/links', { body: { name: name.trim(), roles } }),
  })
  return (
    <Modal opened onClose={onClose} title="Invite by a one-time link" closeOnClickOutside={!make.data}>
      {make.data ? (
        <>
          <Text mb="sm">
            Give this to {name}. It works once, until <Instant ms={make.data.expires_at_ms} />.
          </Text>
          <CopyBlock text={make.data.link} label="the link" />
        </>
      ) : (
        <>
          <TextInput
            label="Name"
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <MultiSelect mt="sm" label="Roles" data={ROLE_CHOICES} value={roles} onChange={setRoles} />
          {make.isError ? <ProblemNote error={make.error} what="The link" /> : null}
          <Group justify="flex-end" mt="md">
            <Button
              loading={make.isPending}
              disabled={!name.trim() || roles.length === 0}
              onClick={() => make.mutate()}
            >
              Make the link
            </Button>
          </Group>
        </>
      )}
    </Modal>
  )
}
