import type { BrokerState, HandlersOf } from '../broker-state.ts'
import { errorCodes } from '../error-codes.ts'
import type { Node } from '../nodes.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import { itemsOf, type Setting, settingTypes } from '../setting.ts'
import type { Problem } from '../topic-admin.ts'
import { settingsProblem, topicSettings } from '../topic-settings.ts'

type DescribedConfig = ResponseOf<'DescribeConfigs'>['results'][number]['configs'][number]
type Altered = ResponseOf<'AlterConfigs'>['responses'][number]
type Change = RequestOf<'IncrementalAlterConfigs'>['resources'][number]['configs'][number]
type Resource = { readonly resourceType: number; readonly resourceName: string }

const topicResource = 2
const brokerResource = 4
/** Where a value comes from. */
const sources = { topic: 1, staticBroker: 4, default: 5 } as const
/** What IncrementalAlterConfigs does with a setting. */
const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const

const lacksTopic = (name: string): Problem => ({
  errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: `The topic '${name}' does not exist.`,
})

/** The settings of a topic that are in force, with where each comes from. */
export function describedTopicSettings(
  { settings: ofBroker }: BrokerState,
  settings: ReadonlyMap<string, string>,
): DescribedConfig[] {
  return [...topicSettings.values()].map((setting) => {
    const { name, fallback, ofBroker: brokerName } = setting
    const synonyms: { name: string; value: string; source: number }[] = []
    const own = settings.get(name)
    if (own !== undefined) synonyms.push({ name, value: own, source: sources.topic })
    if (brokerName !== undefined && ofBroker.isGiven(brokerName))
      synonyms.push({ name: brokerName, value: ofBroker.text(brokerName), source: sources.staticBroker })
    const fallbackValue =
      brokerName === undefined || ofBroker.isGiven(brokerName) ? fallback : ofBroker.text(brokerName)
    synonyms.push({ name: brokerName ?? name, value: fallbackValue, source: sources.default })
    const [{ value, source }] = synonyms
    return described(setting, { value, source, readOnly: false }, synonyms)
  })
}

function described(
  { name, type }: Setting,
  inForce: { readonly value: string; readonly source: number; readonly readOnly: boolean },
  synonyms: readonly { readonly name: string; readonly value: string; readonly source: number }[],
): DescribedConfig {
  const { value, source, readOnly } = inForce
  return { name, value, readOnly, configSource: source, isSensitive: false, synonyms, configType: settingTypes[type] }
}

/** Settings are shown and changed: those of topics at any time, the broker's at its start. */
export function configHandlers(
  broker: BrokerState,
): HandlersOf<'DescribeConfigs' | 'AlterConfigs' | 'IncrementalAlterConfigs'> {
  const { topics, metadata } = broker

  function describe({ resourceType, resourceName }: Resource): readonly DescribedConfig[] | Problem {
    if (resourceType === topicResource) {
      const topic = topics.get(resourceName)
      return topic === undefined ? lacksTopic(resourceName) : describedTopicSettings(broker, topic.settings)
    }
    if (resourceType !== brokerResource)
      return {
        errorCode: errorCodes.INVALID_REQUEST,
        errorMessage: `Resource type ${resourceType} has no settings here`,
      }
    // The empty name stands for the defaults of all brokers, of which none can be set.
    if (resourceName === '') return []
    const node = broker.nodes.all().find(({ nodeId }) => resourceName === String(nodeId))
    if (node === undefined)
      return { errorCode: errorCodes.INVALID_REQUEST, errorMessage: `There is no broker ${resourceName}` }
    return brokerConfigs(broker, node)
  }

  /** @param next what the settings become, or why they do not */
  function alter(
    { resourceType, resourceName }: Resource,
    validateOnly: boolean,
    next: (now: ReadonlyMap<string, string>) => ReadonlyMap<string, string> | Problem,
  ): Altered {
    const resource = { resourceType, resourceName }
    if (resourceType !== topicResource)
      return {
        ...resource,
        errorCode: errorCodes.INVALID_REQUEST,
        errorMessage: 'Settings of the embedded broker itself are given at its start',
      }
    const topic = topics.get(resourceName)
    if (topic === undefined || topic.isInternal) return { ...resource, ...lacksTopic(resourceName) }
    const settings = next(topic.settings)
    if ('errorCode' in settings) return { ...resource, ...settings }
    if (!validateOnly) topics.setSettings(topic, settings)
    return { ...resource, errorCode: errorCodes.NONE }
  }

  return {
    DescribeConfigs: ({ resources, includeSynonyms }) => ({
      results: resources.map(({ resourceType, resourceName, configurationKeys }) => {
        const found = describe({ resourceType, resourceName })
        if ('errorCode' in found) return { resourceType, resourceName, ...found, configs: [] }
        const wanted = configurationKeys === null ? undefined : new Set(configurationKeys)
        const configs = found
          .filter(({ name }) => wanted?.has(name) ?? true)
          .map((config) => (includeSynonyms ? config : { ...config, synonyms: [] }))
        return { errorCode: errorCodes.NONE, resourceType, resourceName, configs }
      }),
    }),

    AlterConfigs: async ({ resources, validateOnly }) => {
      const responses = resources.map(({ configs, ...resource }) =>
        alter(resource, validateOnly, () => {
          const nothing = configs.find(({ value }) => value === null)
          return nothing === undefined
            ? checked(configs.map(({ name, value }) => [name, value] as const))
            : lacksValue(nothing.name)
        }),
      )
      await metadata.sync()
      return { responses }
    },

    IncrementalAlterConfigs: async ({ resources, validateOnly }) => {
      const responses = resources.map(({ configs, ...resource }) =>
        alter(resource, validateOnly, (now) => changed(now, configs)),
      )
      await metadata.sync()
      return { responses }
    },
  }

  function changed(now: ReadonlyMap<string, string>, changes: readonly Change[]) {
    const next = new Map<string, string | null>(now)
    if (new Set(changes.map(({ name }) => name)).size < changes.length)
      return { errorCode: errorCodes.INVALID_REQUEST, errorMessage: 'A setting is changed twice' }
    for (const { name, configOperation, value } of changes) {
      if (value === null && configOperation !== operations.delete) return lacksValue(name)
      const setting = topicSettings.get(name)
      const isList = setting?.type === 'list'
      if (setting === undefined) return invalid(`Unknown topic config name: ${name}`)
      const items = itemsOf(next.get(name) ?? topics.valueOf(now, name))
      const given = itemsOf(value ?? '')
      if (configOperation === operations.set) next.set(name, value)
      else if (configOperation === operations.delete) next.delete(name)
      else if (!isList || (configOperation !== operations.append && configOperation !== operations.subtract))
        return invalid(`Operation ${configOperation} cannot change ${name}`)
      else if (configOperation === operations.append) next.set(name, [...new Set([...items, ...given])].join(','))
      else next.set(name, items.filter((item) => !given.includes(item)).join(','))
    }
    return checked(next)
  }
}

function checked(entries: Iterable<readonly [string, string | null]>): ReadonlyMap<string, string> | Problem {
  const list = [...entries]
  const problem = settingsProblem(list)
  return problem === undefined ? new Map(list as [string, string][]) : invalid(problem)
}

function lacksValue(name: string): Problem {
  return { errorCode: errorCodes.INVALID_REQUEST, errorMessage: `Null value for ${name}` }
}

function invalid(errorMessage: string): Problem {
  return { errorCode: errorCodes.INVALID_CONFIG, errorMessage }
}

function brokerConfigs(broker: BrokerState, { host, port }: Node): DescribedConfig[] {
  const facts = new Map([
    ['advertised.listeners', `PLAINTEXT://${host}:${port}`],
    ['log.dirs', broker.dataDir ?? ''],
  ])
  return broker.settings.all().map(({ setting, value, isGiven }) => {
    const fact = facts.get(setting.name)
    const source = isGiven || fact !== undefined ? sources.staticBroker : sources.default
    const inForce = { value: fact ?? value, source, readOnly: true }
    return described(setting, inForce, [{ name: setting.name, value: inForce.value, source }])
  })
}
