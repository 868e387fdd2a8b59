import { Button, Menu, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import { noticeDone, noticeError } from '../feedback/notices'
import { bytes } from '../time/format'
import { save } from './lake'

export interface ExportFile {
  blob: Blob
  /** What a reader has to know of it: that it is not all. */
  note?: string
}

export interface ExportKind {
  word: string
  ending: string
  /** Makes the file; hears how far it is, in words. */
  make: (onProgress: (words: string) => void, signal: AbortSignal) => Promise<ExportFile>
}

/** Takes an answer along, with what has come so far while it comes, and a way to stop it. */
export function ExportMenu({ kinds, ready }: { kinds: readonly ExportKind[]; ready: boolean }) {
  const [progress, setProgress] = useState<string | null>(null)
  const end = useRef<AbortController>(null)
  const take = async (kind: ExportKind) => {
    end.current = new AbortController()
    setProgress('Asking')
    try {
      const { blob, note } = await kind.make(setProgress, end.current.signal)
      save(blob, `events.${kind.ending}`)
      noticeDone(`events.${kind.ending}: ${bytes(blob.size)}${note ? `. ${note}` : ''}`)
    } catch (error) {
      if (!end.current.signal.aborted) noticeError('The export was not made', error)
    } finally {
      setProgress(null)
    }
  }
  if (progress !== null) {
    return (
      <>
        <Text role="status">{progress}</Text>
        <Button variant="default" onClick={() => end.current?.abort()}>
          Stop
        </Button>
      </>
    )
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={15} />} disabled={!ready}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {kinds.map((kind) => (
          <Menu.Item key={kind.ending} onClick={() => void take(kind)}>
            {kind.word}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
