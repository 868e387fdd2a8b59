import { Button, Group, Text, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, unwrap } from '../api/client'
import { ProblemNote } from '../feedback/problem-note'

/** Comments have at most 64 KiB of text; the server counts bytes. */
const COMMENT_BYTES_MAX = 64 * 1024

/** What one is writing survives a reload, another incident, and a refusal. */
function useDraft(id: string) {
  const key = `huecry.draft.${id}`
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? '')
  const set = (next: string) => {
    setText(next)
    if (next) sessionStorage.setItem(key, next)
    else sessionStorage.removeItem(key)
  }
  return [text, set] as const
}

export function CommentBox({ id, box }: { id: string; box: React.Ref<HTMLTextAreaElement> }) {
  const [text, setText] = useDraft(id)
  const client = useQueryClient()
  const [key, setKey] = useState(() => crypto.randomUUID())
  const send = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/incidents/{id}/comments', {
          params: { path: { id }, header: { 'idempotency-key': key } },
          body: { text },
        }),
      ),
    onSuccess: () => {
      setText('')
      setKey(crypto.randomUUID())
      void client.invalidateQueries({ queryKey: ['incident', id] })
    },
  })
  const size = new TextEncoder().encode(text).length
  const press = (event: React.KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && text.trim()) send.mutate()
    if (event.key === 'Escape') event.currentTarget.blur()
  }
  return (
    <div>
      <Textarea
        ref={box}
        aria-label="Comment"
        placeholder="What did you see, what did you do?  ( c )"
        autosize
        minRows={text ? 3 : 1}
        maxRows={12}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={press}
      />
      {text ? (
        <Group mt={6} justify="space-between">
          <Text className="dim" size="xs">
            Ctrl Enter sends.{' '}
            {size > COMMENT_BYTES_MAX * 0.9
              ? `${String(size)} of ${String(COMMENT_BYTES_MAX)} bytes`
              : 'Kept until you do.'}
          </Text>
          <Button onClick={() => send.mutate()} loading={send.isPending} disabled={!text.trim()}>
            Comment
          </Button>
        </Group>
      ) : null}
      {send.isError ? <ProblemNote error={send.error} what="The comment was not kept (your text stays here)" /> : null}
    </div>
  )
}
