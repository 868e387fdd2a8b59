import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { usePath } from '../guest/address'
import { Card, Note, Problem, Waiting, When } from '../guest/controls'
import { loadDigest, loadDigests } from '../report/api'
import { DigestText } from './digest-text'
import classes from './digest.module.css'

/** What became of reports, in sums that say nothing of anybody. */
export default function DigestsPage() {
  const id = /^\/digests\/([^/]+)/.exec(usePath())?.[1]
  useEffect(() => {
    document.title = 'Digests of reports · Hue & Cry'
  }, [])
  return id ? <One id={decodeURIComponent(id)} /> : <All />
}

function All() {
  const digests = useQuery({ queryKey: ['digests'], queryFn: ({ signal }) => loadDigests({ anonymous: true, signal }) })
  return (
    <>
      <div>
        <h1>Digests</h1>
        <p className="dim">
          What was reported and what became of it, in sums of at least a few reports each, so that nobody can be told
          from them. <a href="/api/v1/digests/feed.xml">Feed (Atom)</a>
        </p>
      </div>
      {digests.isPending ? <Waiting what="the digests" /> : null}
      {digests.isError ? (
        <Problem error={digests.error} what="The digests" retry={() => void digests.refetch()} />
      ) : null}
      {digests.data?.items.length === 0 ? <Note title="None was published yet" /> : null}
      {digests.data && digests.data.items.length > 0 ? (
        <ul className={classes.list}>
          {digests.data.items.map((digest) => (
            <li key={digest.id}>
              <a href={`/digests/${digest.id}`}>{digest.title}</a>{' '}
              {digest.published_at ? (
                <span className="dim">
                  published <When at={digest.published_at} />
                </span>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  )
}

function One({ id }: { id: string }) {
  const digest = useQuery({
    queryKey: ['digest', id],
    queryFn: ({ signal }) => loadDigest(id, { anonymous: true, signal }),
  })
  if (digest.isPending) return <Waiting what="the digest" />
  if (digest.isError) return <Problem error={digest.error} what="The digest" retry={() => void digest.refetch()} />
  return (
    <>
      <div>
        <a href="/digests">All digests</a>
        <h1>{digest.data.title}</h1>
      </div>
      <Card title="In sums">
        <DigestText digest={digest.data} />
      </Card>
    </>
  )
}
