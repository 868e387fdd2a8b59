import { Button, Group, Text, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { reviewReport, type WholeReport } from '../report/api'
import classes from './moderation.module.css'
import { reportsChanged } from './reports'

/** A person says whether automation was right to accept it. */
export function ReviewForm({ report, onNext }: { report: WholeReport; onNext: () => void }) {
  const client = useQueryClient()
  const [taking, setTaking] = useState(false)
  const [explanation, setExplanation] = useState('')
  const review = useMutation({
    mutationFn: (outcome: 'confirmed' | 'overturned') =>
      reviewReport(
        report.id,
        outcome === 'confirmed' ? { outcome } : { outcome, explanation: explanation.trim() },
        report.version,
      ),
    onSuccess: (whole, outcome) => {
      noticeDone(outcome === 'confirmed' ? 'Confirmed' : 'Taken back, with all that followed from it')
      client.setQueryData(['report', report.id], whole)
      onNext()
      reportsChanged(client)
    },
    onError: () => reportsChanged(client),
  })
  return (
    <section aria-label="Review" className={classes.decided}>
      <h3>Automation accepted it</h3>
      <Text>Nobody has looked yet. Was that right?</Text>
      {taking ? (
        <Textarea
          label="Why not? The reporter reads it"
          autosize
          minRows={2}
          autoFocus
          value={explanation}
          onChange={(event) => setExplanation(event.currentTarget.value)}
        />
      ) : null}
      {review.isError ? <ProblemNote error={review.error} what="It was not reviewed" /> : null}
      <Group gap="xs" mt="xs">
        {taking ? (
          <>
            <Button
              color="red"
              loading={review.isPending}
              disabled={!explanation.trim()}
              onClick={() => review.mutate('overturned')}
            >
              Take it back
            </Button>
            <Button variant="default" onClick={() => setTaking(false)}>
              Leave it
            </Button>
          </>
        ) : (
          <>
            <Button loading={review.isPending} onClick={() => review.mutate('confirmed')}>
              It stands
            </Button>
            {report.can?.overturn ? (
              <Button variant="default" disabled={review.isPending} onClick={() => setTaking(true)}>
                Take it back…
              </Button>
            ) : (
              <Text className="dim">Its subject appealed: to take it back, decide the appeal.</Text>
            )}
          </>
        )}
      </Group>
    </section>
  )
}
