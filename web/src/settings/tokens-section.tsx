import { Badge, Button, Checkbox, Group, Modal, Select, Text, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { callJson, call } from '../api/client'
import type { Page as Listed } from '../api/pending'
import type { components } from '../api/schema'
import { CopyBlock } from '../feedback/copy-block'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { useSession } from '../session/use-session'
import { Instant } from '../time/instant'
import { Confirm } from './confirm'
import { SCOPES } from './scopes'
import classes from './settings.module.css'

type Token = components['schemas']['TokenView']

const LIFETIMES = [
  { value: '1', label: '1 day' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: '1 year' },
]
const DAY_MS = 86_400_000

/** Tokens: everybody's under `/api/v1/tokens`, one's own under `/api/v1/me/tokens`. */
export function TokensSection({
  path,
  title,
  about,
}: {
  path: '/api/v1/tokens' | '/api/v1/me/tokens'
  title: string
  about: string
}) {
  const [making, setMaking] = useState(false)
  const list = useInfiniteQuery({
    queryKey: ['tokens', path],
    queryFn: ({ pageParam, signal }) => callJson<Listed<Token>>('GET', path, { query: { after: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    retry: false,
  })
  const tokens = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Section title={title} about={about}>
      {list.isPending ? <Loading lines={3} /> : null}
      {list.isError ? <ProblemNote error={list.error} what={title} /> : null}
      {list.data ? (
        <Button mb="sm" variant="default" onClick={() => setMaking(true)}>
          Make a token…
        </Button>
      ) : null}
      {list.data && tokens.length === 0 ? <Empty title="No tokens">Programs need one; people sign in.</Empty> : null}
      {tokens.length > 0 ? <Table tokens={tokens} path={path} /> : null}
      {list.hasNextPage ? (
        <Button variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Load more
        </Button>
      ) : null}
      {making ? <NewToken path={path} onClose={() => setMaking(false)} /> : null}
    </Section>
  )
}

function Table({ tokens, path }: { tokens: Token[]; path: string }) {
  const client = useQueryClient()
  const [revoking, setRevoking] = useState<Token | null>(null)
  const revoke = useMutation({
    mutationFn: (token: Token) => call('DELETE', `${path}/${token.id}`),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['tokens'] }),
    onError: (error) => noticeError('The token was not taken back', error),
  })
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Tokens">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>May</th>
            <th>Made</th>
            <th>Ends</th>
            <th>Last used</th>
            <th aria-label="Change" />
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => (
            <tr key={token.id}>
              <td className="nowrap">{token.name}</td>
              <td className={classes.scopes}>{token.source ? `send as ${token.source}` : token.scopes.join(', ')}</td>
              <td className="nowrap">
                <Instant ms={token.created_at_ms} />
              </td>
              <td className="nowrap">
                {token.expires_at_ms ? <Instant ms={token.expires_at_ms} /> : <span className="dim">never</span>}
              </td>
              <td className="nowrap">
                {token.last_used_at_ms ? <Instant ms={token.last_used_at_ms} /> : <span className="dim">never</span>}
              </td>
              <td className="actions">
                {token.revoked_at_ms ? (
                  <Badge color="red">taken back</Badge>
                ) : (
                  <Button variant="subtle" color="red" onClick={() => setRevoking(token)}>
                    Take back<span className={classes.hidden}> {token.name}</span>
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Confirm
        opened={revoking !== null}
        title={`Take back ${revoking?.name ?? ''}?`}
        word="Take it back"
        onClose={() => setRevoking(null)}
        onConfirm={() => revoking && revoke.mutate(revoking)}
      >
        Whatever uses it is refused from now on. This cannot be undone.
      </Confirm>
    </div>
  )
}

function NewToken({ path, onClose }: { path: string; onClose: () => void }) {
  const session = useSession()
  const [name, setName] = useState('')
  const [days, setDays] = useState<string | null>('90')
  const [scopes, setScopes] = useState<string[]>(['incidents:read'])
  const client = useQueryClient()
  const make = useMutation({
    mutationFn: () =>
      callJson<{ secret: string }>('POST', path, {
        body: { name: name.trim(), scopes, ...(days ? { expires_at_ms: Date.now() + Number(days) * DAY_MS } : {}) },
      }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const offered = SCOPES.filter((scope) => session?.scopes === null || session?.scopes.includes(scope.name))
  if (make.data) {
    return (
      <Modal opened onClose={onClose} title="The token, shown this once" closeOnClickOutside={false}>
        <CopyBlock text={make.data.secret} label="the token" />
        <Group justify="flex-end" mt="md">
          <Button onClick={onClose}>I have it</Button>
        </Group>
      </Modal>
    )
  }
  return (
    <Modal opened onClose={onClose} title="Make a token">
      <TextInput
        label="Name"
        description="What uses it"
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        mt="sm"
        label="Ends after"
        data={LIFETIMES}
        value={days}
        onChange={setDays}
        placeholder="never"
        clearable
        clearButtonProps={{ 'aria-label': 'Never' }}
      />
      <Checkbox.Group mt="sm" label="May" value={scopes} onChange={setScopes}>
        {offered.map((scope) => (
          <Checkbox
            key={scope.name}
            mt={6}
            value={scope.name}
            label={
              <>
                <code>{scope.name}</code> <span className="dim">{scope.about}</span>
              </>
            }
          />
        ))}
      </Checkbox.Group>
      {make.isError ? <ProblemNote error={make.error} what="The token" /> : null}
      {scopes.length === 0 ? (
        <Text className="dim" mt="xs">
          Choose what it may do.
        </Text>
      ) : null}
      <Group justify="flex-end" mt="md">
        <Button loading={make.isPending} disabled={!name.trim() || scopes.length === 0} onClick={() => make.mutate()}>
          Make it
        </Button>
      </Group>
    </Modal>
  )
}
