import { Anchor, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { callJson, setToken } from '../api/client'
import type { Provider, Session } from '../api/pending'
import { ApiError } from '../api/problem'
import { ProblemNote } from '../feedback/problem-note'
import { returnPath } from './return-path'
import classes from './sign-in.module.css'

/** The secret of a one-time link. It is in the fragment, which no browser sends and no log keeps. */
export function takeLink(): string {
  const secret = location.hash.slice(1)
  if (secret) history.replaceState(null, '', location.pathname + location.search)
  return secret
}

/** Redeems a one-time link. */
export function EnterPage({ onEntered }: { onEntered: () => void }) {
  const [secret, setSecret] = useState(takeLink)
  const [name, setName] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const enter = async (event: React.FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      const body = { link: secret.replace(/^.*#/, '').trim(), name: name.trim() || undefined }
      setToken(null)
      await callJson<Session>('POST', '/api/v1/session', { body })
      onEntered()
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Door title="Welcome">
      <form onSubmit={(event) => void enter(event)}>
        <Stack>
          <Text>
            This link signs you in once. Say who you are; the audit log will show this name beside what you do.
          </Text>
          {secret ? null : (
            <TextInput
              label="One-time link"
              placeholder="https://…/enter#…"
              required
              onChange={(e) => setSecret(e.currentTarget.value)}
            />
          )}
          <TextInput
            label="Your name"
            autoComplete="name"
            autoFocus
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
          />
          {error ? <ProblemNote error={error} what="Signing in by link" /> : null}
          <Button type="submit" size="sm" loading={busy}>
            Enter
          </Button>
        </Stack>
      </form>
    </Door>
  )
}

/** Sign in with a provider, or with an API token for this tab. */
export function SignInPage() {
  const providers = useQuery({
    queryKey: ['providers'],
    queryFn: () => callJson<{ items: Provider[] }>('GET', '/api/v1/session/providers'),
    retry: false,
  })
  const back = returnPath(location.pathname + location.search)
  const items = providers.data?.items ?? []
  return (
    <Door title="Sign in">
      <Stack>
        {items.map((provider) => (
          <Button
            key={provider.id}
            size="sm"
            component="a"
            href={`${provider.start}?return=${encodeURIComponent(back)}`}
          >
            Continue with {provider.name}
          </Button>
        ))}
        {items.length === 0 ? (
          <Text>
            No identity provider is set up. Open the one-time link that <code>huecry serve</code> printed at its first
            start, or make one: <code>huecry people link --role admin --name you</code>
          </Text>
        ) : null}
        <TokenForm />
        <Anchor size="sm" href="/reference">
          The API’s reference
        </Anchor>
      </Stack>
    </Door>
  )
}

function TokenForm() {
  const [open, setOpen] = useState(false)
  const [token, setTyped] = useState('')
  const [error, setError] = useState<unknown>(null)
  const client = useQueryClient()
  const use = async (event: React.FormEvent) => {
    event.preventDefault()
    setError(null)
    setToken(token.trim())
    try {
      await callJson('GET', '/api/v1/incidents', { query: { limit: 1 } })
      await client.invalidateQueries()
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 403) return void client.invalidateQueries()
      setToken(null)
      setError(cause)
    }
  }
  if (!open) {
    return (
      <Button variant="default" size="sm" onClick={() => setOpen(true)}>
        Use an API token
      </Button>
    )
  }
  return (
    <form onSubmit={(event) => void use(event)}>
      <Stack gap="xs">
        <PasswordInput
          label="API token"
          description="Kept for this tab, until it is closed. The first one is in admin-token of the data folder."
          placeholder="hc_api_…"
          value={token}
          autoFocus
          onChange={(e) => setTyped(e.currentTarget.value)}
        />
        {error ? <ProblemNote error={error} what="This token" /> : null}
        <Button type="submit" size="sm" disabled={token.trim() === ''}>
          Use it
        </Button>
      </Stack>
    </form>
  )
}

function Door({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <main className={classes.door}>
      <Paper className="panel" p="xl" w="100%" maw={420}>
        <Stack>
          <div>
            <Text fw={700} size="lg">
              Hue &amp; Cry
            </Text>
            <Title order={1} size="h4" fw={500} className="dim">
              {title}
            </Title>
          </div>
          {children}
        </Stack>
      </Paper>
    </main>
  )
}
