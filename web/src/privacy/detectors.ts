/**
 * The detectors, as the file beside this one has them. It is written from `content/privacy/detectors.yaml` by a test of
 * the crate `privacy`, which reads the same; what each part means is explained there.
 */
export interface Detectors {
  classes: ClassLabel[]
  detectors: Detector[]
  not_secrets: string[]
  system_accounts: string[]
  service_mailboxes: string[]
  names: NameWords
}

export interface ClassLabel {
  class: string
  label: string
  what: string
}

export type Confidence = 'low' | 'medium' | 'high'

export interface Context {
  words: string[]
  chars: number
  optional?: boolean
}

export interface Detector {
  name: string
  class: string
  about: string
  literals?: string[]
  pattern?: string
  ignore_case?: boolean
  boundary: string
  check?: string
  near?: Context
  unless?: Context
  scanner?: string
  priority: number
  confidence: string
}

export type NameWords = Record<
  | 'titles'
  | 'labels'
  | 'introductions'
  | 'weak_introductions'
  | 'verbs'
  | 'weak_verbs'
  | 'pronouns'
  | 'belongings'
  | 'particles'
  | 'organisations'
  | 'places'
  | 'place_words'
  | 'given'
  | 'given_ambiguous'
  | 'family_ambiguous'
  | 'suffixes'
  | 'not_names'
  | 'not_name_endings',
  string[]
>
