// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// confluence.js as its makers ship it, at work on a Confluence site. It checks
// every response against schemas of its own, made from the published
// specification, and fails with the first that does not fit. It reads what it
// needs to know from its standard input, and prints a line for each thing that
// held.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { createV1Client, createV2Client } from 'confluence.js'

const { host, email, apiToken, account, space, attachment } = JSON.parse(await text(process.stdin))

const held = (what) => console.log(`ok ${what}`)
const config = { host, auth: { type: 'basic', email, apiToken }, retry: { maxAttempts: 1 } }
const v2 = createV2Client(config)
const v1 = createV1Client(config)
const storage = (value) => ({ representation: 'storage', value })
const refused = (promise, status) => assert.rejects(promise, (err) => err.status === status)

assert.deepEqual((await v2.space.getSpaces({ keys: ['ENG'] })).results.map((s) => s.id), [space])
const eng = await v2.space.getSpaceById({ id: space })
assert.equal((await v1.users.getCurrentUser()).accountId, account)
assert.equal((await v1.users.getUser({ accountId: account })).accountId, account)
held('spaces, and who am I')

// Its createPage drops all parameters but body, so that the page has no space:
// the whole request goes in by that one name.
await refused(v2.page.createPage({ spaceId: space, title: 'Restart', body: storage('<p>Wait.</p>') }), 400)
const made = await v2.page.createPage({ body: { spaceId: space, status: 'current', title: 'Restart', parentId: eng.homepageId, body: storage('<p>Wait a while.</p>') } })
const id = made.id
let page = await v2.page.getPageById({ id, bodyFormat: 'storage', includeLabels: true, includeProperties: true, includeOperations: true, includeVersions: true })
assert.equal(page.body.storage.value, '<p>Wait a while.</p>')
const update = { id, status: 'current', title: 'Restart', body: storage('<p>Wait a while longer.</p>'), version: { number: 2, message: 'job 1' } }
const edit = (body) => v2.page.updatePage({ id, body })
held('pages created and read')

page = await edit(update)
assert.equal(page.version.number, 2)
await refused(edit(update), 409)
await v2.page.updatePageTitle({ id, body: { status: 'current', title: 'Restart it' } })
assert.equal((await v2.page.getPageById({ id, version: 1, bodyFormat: 'storage' })).body.storage.value, '<p>Wait a while.</p>')
assert.deepEqual((await v2.version.getPageVersions({ id, bodyFormat: 'storage' })).results.map((v) => v.number), [3, 2, 1])
assert.equal((await v2.version.getPageVersionDetails({ pageId: id, versionNumber: 2 })).message, 'job 1')
assert.equal((await v1.contentVersions.restoreContentVersion({ id, operationKey: 'restore', params: { versionNumber: 1, message: 'as it was', restoreTitle: true } })).number, 4)
held('versions')

const child = (await v2.page.createPage({ body: { spaceId: space, status: 'current', title: 'Below', parentId: id, body: storage('<p/>') } })).id
assert.deepEqual((await v2.children.getPageDirectChildren({ id })).results.map((c) => c.id), [child])
assert.deepEqual((await v2.descendants.getPageDescendants({ id: eng.homepageId, depth: 3 })).results.map((c) => c.id), [id, child])
assert.deepEqual((await v2.ancestors.getPageAncestors({ id: child })).results.map((a) => a.id), [eng.homepageId, id])
const ids = []
for (let cursor; ;) {
  const part = await v2.page.getPages({ spaceId: [space], limit: 2, cursor, sort: 'id' })
  ids.push(...part.results.map((p) => p.id))
  if (!part._links?.next) break
  cursor = new URL(part._links.next, host).searchParams.get('cursor')
}
assert.equal(ids.length, new Set(ids).size)
assert.ok(ids.includes(id) && ids.includes(child))
assert.equal((await v2.page.getPagesInSpace({ id: space, depth: 'root' })).results.length, 1)
await v1.contentChildrenAndDescendants.movePage({ pageId: child, position: 'append', targetId: eng.homepageId })
assert.equal((await v2.page.getPageById({ id: child })).parentId, eng.homepageId)
const copy = await v1.contentChildrenAndDescendants.copyPage({ id: child, destination: { type: 'parent_page', value: id }, pageTitle: 'Beside' })
await v1.content.archivePages({ pages: [{ id: Number(copy.id) }] })
assert.equal((await v2.page.getPageById({ id: copy.id })).status, 'archived')
held('the tree, moving, copying and archiving')

assert.deepEqual((await v1.contentLabels.addLabelsToContent({ id, body: [{ prefix: 'global', name: 'ops' }, { prefix: 'global', name: 'queue' }] })).results.map((l) => l.name), ['ops', 'queue'])
await v1.contentLabels.removeLabelFromContentUsingQueryParameter({ id, name: 'ops' })
assert.deepEqual((await v2.label.getPageLabels({ id })).results.map((l) => l.name), ['queue'])
held('labels')

const footer = await v2.comment.createFooterComment({ pageId: id, body: storage('<p>Hm</p>') })
await v2.comment.createFooterComment({ parentCommentId: footer.id, body: storage('<p>Indeed</p>') })
await v2.comment.updateFooterComment({ commentId: footer.id, body: { version: { number: 2 }, body: storage('<p>Hm!</p>') } })
assert.equal((await v2.comment.getFooterCommentById({ commentId: footer.id, bodyFormat: 'storage' })).body.storage.value, '<p>Hm!</p>')
assert.equal((await v2.comment.getFooterCommentChildren({ id: footer.id })).results.length, 1)
const inline = await v2.comment.createInlineComment({ pageId: id, body: storage('<p>How long?</p>'), inlineCommentProperties: { textSelection: 'a while', textSelectionMatchCount: 1, textSelectionMatchIndex: 0 } })
assert.equal((await v2.comment.getInlineCommentById({ commentId: inline.id, bodyFormat: 'storage' })).resolutionStatus, 'open')
assert.equal((await v2.comment.getPageInlineComments({ id, bodyFormat: 'storage' })).results.length, 1)
await v2.comment.updateInlineComment({ commentId: inline.id, version: { number: 2 }, body: storage('<p>How long then?</p>'), resolved: true })
await v2.comment.deleteInlineComment({ commentId: inline.id })
await v2.comment.deleteFooterComment({ commentId: footer.id })
assert.equal((await v2.comment.getPageFooterComments({ id })).results.length, 0)
held('comments')

const property = await v2.contentProperties.createPageProperty({ pageId: id, key: 'clawea', value: { job: '1' } })
await v2.contentProperties.updatePagePropertyById({ pageId: id, propertyId: property.id, key: 'clawea', value: { job: '2' }, version: { number: 2 } })
assert.deepEqual((await v2.contentProperties.getPageContentPropertiesById({ pageId: id, propertyId: property.id })).value, { job: '2' })
assert.equal((await v2.contentProperties.getPageContentProperties({ pageId: id, key: 'clawea' })).results.length, 1)
await v2.contentProperties.deletePagePropertyById({ pageId: id, propertyId: property.id })
held('properties')

const files = (await v2.attachment.getPageAttachments({ id: attachment.page })).results
assert.deepEqual(files.map((f) => f.title), ['log.txt'])
assert.equal((await v2.attachment.getAttachmentById({ id: attachment.id })).fileSize, 5)
const bytes = await v1.contentAttachments.downloadAttatchment({ id: attachment.page, attachmentId: attachment.id })
assert.equal(new TextDecoder().decode(bytes), 'hello')
held('attachments, from the other host')

assert.equal((await v1.contentPermissions.checkContentPermission({ id, subject: { type: 'user', identifier: account }, operation: 'update' })).hasPermission, true)
assert.ok((await v2.operation.getPageOperations({ id })).operations.some((o) => o.operation === 'update'))
await v1.contentRestrictions.updateRestrictions({ id, body: [{ operation: 'read', restrictions: { user: [{ type: 'known', accountId: account }] } }] })
const closed = await v1.contentRestrictions.getRestrictionsByOperation({ id })
assert.equal(closed.read.restrictions.user.results[0].accountId, account)
await v1.contentRestrictions.deleteRestrictions({ id })
held('permissions and restrictions')

const hits = await v1.search.searchByCQL({ cql: `space = ENG AND contributor = currentUser() AND title ~ "restart"`, expand: ['content.version', 'content.space'] })
assert.deepEqual(hits.results.map((r) => r.content.id), [id])
assert.equal((await v1.content.searchContentByCQL({ cql: `id = ${id}`, expand: ['body.storage', 'history', 'version'] })).results.length, 1)
await refused(v1.search.searchByCQL({ cql: 'space = ' }), 400)
held('search')

await v2.page.deletePage({ id })
await refused(v2.page.getPageById({ id }), 404)
page = await v2.page.getPageById({ id, status: ['trashed'] })
page = await edit({ ...update, version: { number: page.version.number + 1, message: 'back' } })
assert.equal(page.status, 'current')
await v2.page.deletePage({ id: child })
await v2.page.deletePage({ id: child, purge: true })
await refused(v2.page.getPageById({ id: child, status: ['trashed'] }), 404)
held('the trash')
