/*
 * Tells issuetrail of a push: a post-receive script for GitBlit.
 *
 * It neither delays nor fails a push: what it does beyond putting a few lines together
 * happens in a thread of its own, with time limits, and every error ends in GitBlit's log.
 */
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec

// Settings.
def webhook = 'https://trail.example.com/webhooks/gitblit'
def secretFile = '/etc/issuetrail-hook/secret' // one line, readable for GitBlit's account alone

// The first line that is not empty, as bytes, without spaces around it.
def readSecret = {
	def text = new String(new File(secretFile).bytes, 'ISO-8859-1')
	if (text.startsWith('\u00EF\u00BB\u00BF')) { // a byte order mark
		text = text.substring(3)
	}
	def line = text.split('\n').collect { it.replaceAll(/^[\t\x0B\f\r ]+|[\t\x0B\f\r ]+$/, '') }.find { it }
	if (!line) {
		throw new IOException("${secretFile} holds no secret")
	}
	line.getBytes('ISO-8859-1')
}

def sign = { byte[] body ->
	def mac = Mac.getInstance('HmacSHA256')
	mac.init(new SecretKeySpec(readSecret(), 'HmacSHA256'))
	'sha256=' + mac.doFinal(body).encodeHex()
}

// Gives the status of the answer.
def post = { byte[] body, Map headers ->
	def connection = (HttpURLConnection) new URL(webhook).openConnection()
	connection.connectTimeout = 3000 // milliseconds
	connection.readTimeout = 3000
	connection.instanceFollowRedirects = false
	connection.requestMethod = 'POST'
	connection.doOutput = true
	headers.each { name, value -> connection.setRequestProperty(name, value) }
	connection.outputStream.withStream { it.write(body) }
	try {
		connection.responseCode
	} finally {
		connection.disconnect()
	}
}

// Tries again twice what may be better then.
def tell = { String name, byte[] body ->
	def headers = [
		'Content-Type'       : 'text/plain; charset=utf-8',
		'X-Hub-Signature-256': sign(body),
		'X-Delivery'         : UUID.randomUUID().toString(),
		'X-Timestamp'        : (System.currentTimeMillis().intdiv(1000)).toString(),
	]
	def said = ''
	for (pause in [0, 2000, 8000]) {
		Thread.sleep(pause)
		try {
			def status = post(body, headers)
			if (status.intdiv(100) == 2) {
				return
			}
			said = "the answer was ${status}"
			if (status < 500) {
				break
			}
		} catch (IOException e) {
			said = e.toString()
		}
	}
	logger.warn("issuetrail: the push to ${name} was not told to ${webhook}: ${said}".toString())
}

try {
	def name = repository.name.toString()
	def lines = ["repo ${name}"] + commands.collect { "${it.oldId.name} ${it.newId.name} ${it.refName}" }
	def body = (lines.join('\n') + '\n').getBytes('UTF-8')
	if (body.length > 24000000) { // more than the daemon takes: the repository alone rings, too
		body = "repo ${name}\n".getBytes('UTF-8')
	}
	Thread.startDaemon('issuetrail') {
		try {
			tell(name, body)
		} catch (Throwable e) {
			logger.warn("issuetrail: the push to ${name} was not told: ${e}".toString())
		}
	}
} catch (Throwable e) {
	logger.warn("issuetrail: the push was not told: ${e}".toString())
}
return true // false would keep GitBlit from running the scripts after this one
