import { Anchor, Button, Group, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { draftDigest, loadDigestDrafts, publishDigest, type Digest } from '../report/api'
import { DigestText } from './digest-text'
import classes from './digest.module.css'
import { lastMonth } from './month'

/** Digests before everybody can read them: made by the machine, published by a person. */
export function DraftsPage() {
  const drafts = useQuery({ queryKey: ['digest-drafts'], queryFn: () => loadDigestDrafts() })
  return (
    <Page
      title="Digests"
      about="What was reported in a while and what became of it, in sums. A draft is read by a person before it is published."
      tools={
        <Anchor size="sm" href="/digests">
          Published ones
        </Anchor>
      }
    >
      <NewDraft />
      {drafts.isPending ? <Loading /> : null}
      {drafts.isError ? <ProblemNote error={drafts.error} what="Drafts" retry={() => void drafts.refetch()} /> : null}
      {drafts.data?.items.length === 0 ? <Empty title="No draft waits" /> : null}
      <div className={classes.drafts}>
        {(drafts.data?.items ?? []).map((digest) => (
          <DraftOf key={digest.id} digest={digest} />
        ))}
      </div>
    </Page>
  )
}

function NewDraft() {
  const client = useQueryClient()
  const [days, setDays] = useState(() => lastMonth(new Date()))
  const draft = useMutation({
    mutationFn: () => draftDigest({ from: `${days.from}T00:00:00Z`, to: `${days.to}T00:00:00Z` }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['digest-drafts'] }),
  })
  return (
    <form
      className={classes.new}
      onSubmit={(event) => {
        event.preventDefault()
        draft.mutate()
      }}
    >
      <Group align="end" gap="xs">
        <TextInput
          type="date"
          label="From"
          required
          withAsterisk={false}
          value={days.from}
          onChange={(event) => setDays({ ...days, from: event.currentTarget.value })}
        />
        <TextInput
          type="date"
          label="Until before"
          required
          withAsterisk={false}
          value={days.to}
          onChange={(event) => setDays({ ...days, to: event.currentTarget.value })}
        />
        <Button type="submit" variant="default" loading={draft.isPending} disabled={days.from >= days.to}>
          Draft it
        </Button>
      </Group>
      {draft.isError ? <ProblemNote error={draft.error} what="No draft was made" /> : null}
    </form>
  )
}

function DraftOf({ digest }: { digest: Digest }) {
  const client = useQueryClient()
  const publish = useMutation({
    mutationFn: () => publishDigest(digest.id),
    onSuccess: () => {
      noticeDone('Published; everybody can read it')
      void client.invalidateQueries({ queryKey: ['digest-drafts'] })
    },
  })
  return (
    <article className={`panel ${classes.draft ?? ''}`} aria-label={digest.title}>
      <h2>{digest.title}</h2>
      <DigestText digest={digest} />
      {publish.isError ? <ProblemNote error={publish.error} what="It was not published" /> : null}
      <Group gap="xs">
        <Button onClick={() => publish.mutate()} loading={publish.isPending}>
          I have read it: publish
        </Button>
      </Group>
    </article>
  )
}
