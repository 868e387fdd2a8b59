import { Badge, Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { call, callJson } from '../api/client'
import type { OwnSession, Page } from '../api/pending'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { Instant } from '../time/instant'
import { DelegationsSection } from './delegations-section'
import { TokensSection } from './tokens-section'

export function YouSection() {
  return (
    <>
      <DelegationsSection />
      <Sessions />
      <TokensSection
        path="/api/v1/me/tokens"
        title="Your tokens"
        about="For programs that act for you. They may do at most what you may."
      />
    </>
  )
}

function Sessions() {
  const client = useQueryClient()
  const sessions = useQuery({
    queryKey: ['my-sessions'],
    queryFn: () => callJson<Page<OwnSession>>('GET', '/api/v1/me/sessions'),
    retry: false,
  })
  const end = useMutation({
    mutationFn: (id: string) => call('DELETE', `/api/v1/me/sessions/${id}`),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['my-sessions'] }),
    onError: (error) => noticeError('The session was not ended', error),
  })
  return (
    <Section title="Your sessions" about="Where you are signed in. End what you do not know.">
      {sessions.isPending ? <Loading lines={3} /> : null}
      {sessions.isError ? <ProblemNote error={sessions.error} what="Your sessions" /> : null}
      {sessions.data ? (
        <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Sessions">
          <table className="table">
            <thead>
              <tr>
                <th>Since</th>
                <th>Last used</th>
                <th>From</th>
                <th aria-label="Change" />
              </tr>
            </thead>
            <tbody>
              {sessions.data.items.map((session) => (
                <tr key={session.id}>
                  <td className="nowrap">
                    <Instant ms={session.created_at_ms} />{' '}
                    {session.current ? <Badge color="indigo">this one</Badge> : null}
                  </td>
                  <td className="nowrap">
                    <Instant ms={session.seen_at_ms} />
                  </td>
                  <td className="wrap">{[session.origin, session.user_agent].filter(Boolean).join(' · ')}</td>
                  <td className="actions">
                    <Button variant="subtle" color="red" loading={end.isPending} onClick={() => end.mutate(session.id)}>
                      End
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </Section>
  )
}
