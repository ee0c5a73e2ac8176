"""A model that wants to run a command, once for each session, and says one word after it.

It speaks just enough of the interfaces of model providers for the agent programs to take it
for one; it listens on the loopback device of the test's own network namespace.  A message
with `wait' in it gets no answer at all: the program goes on working.
"""
import http.server
import json
import sys

COMMAND = "touch made-by-the-agent"


def fill(schema):
    """Arguments for the tool: the command, and whatever else must be there."""
    args = {}
    props = schema.get("properties", {})
    for name in set(schema.get("required", [])) | {"command", "cmd"} & set(props):
        p = props.get(name, {})
        kind = p.get("type", "string")
        kind = (kind[0] if isinstance(kind, list) else kind).lower()
        if name in ("command", "cmd"):
            args[name] = ["touch", "made-by-the-agent"] if kind == "array" else COMMAND
        elif p.get("enum"):
            args[name] = p["enum"][0]
        else:
            args[name] = {"boolean": False, "number": 1, "integer": 1, "array": [],
                          "object": {}}.get(kind, "make a file")
    if "sandbox_permissions" in props:
        # Of a sandbox that would keep it from asking.
        args.update(sandbox_permissions="require_escalated", justification="to make a file")
    return args


def shell(tools):
    """The tool that runs commands, and its arguments."""
    for want in ("bash", "shell", "run_shell_command", "exec_command", "shell_command"):
        for t in tools:
            f = t.get("function", t)
            name = f.get("name") or ""
            if name.lower() == want:
                return name, fill(f.get("parameters") or f.get("input_schema")
                                  or f.get("parametersJsonSchema") or {})
    return None, None


def asked(q):
    """What the user said last, as text; nothing when it is a tool that said it."""
    said = q.get("messages") or q.get("input") or q.get("contents") or []
    if isinstance(said, str):
        return said
    n = len(said)
    while n > 0 and said[n - 1].get("role") not in ("assistant", "model") and \
            not said[n - 1].get("type", "").endswith("_call"):
        n -= 1
    text = json.dumps(said[n:])
    answers = ('"tool_result"', '"role": "tool"', "_call_output", '"functionResponse"')
    return "" if any(a in text for a in answers) else text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.plain({})

    def do_GET(self):
        self.plain({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def plain(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, events, done=None):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for e in events:
            if "type" in e:
                self.wfile.write(b"event: %s\n" % e["type"].encode())
            self.wfile.write(b"data: %s\n\n" % json.dumps(e).encode())
        if done:
            self.wfile.write(done)
        self.close_connection = True

    def do_POST(self):
        n = int(self.headers.get("content-length") or 0)
        text = self.rfile.read(n)
        q = json.loads(text or b"{}")
        print(self.path, n, asked(q)[-300:], flush=True)
        last = asked(q)
        if "please wait" in last:
            while self.rfile.read(1):
                pass
            return
        tools = q.get("tools") or []
        if "generateContent" in self.path.split("?")[0] or "GenerateContent" in self.path:
            tools = [f for t in tools for f in t.get("functionDeclarations", [])]
        name, args = shell(tools) if "please make" in last else (None, None)
        if "/messages" in self.path:
            self.answer_messages(q, name, args)
        elif "/responses" in self.path:
            self.answer_responses(name, args)
        elif "GenerateContent" in self.path or "generateContent" in self.path:
            self.answer_gemini(name, args)
        else:
            self.answer_chat(q, name, args)

    def answer_chat(self, q, name, args):
        call = [{"index": 0, "id": "call_1", "type": "function",
                 "function": {"name": name, "arguments": json.dumps(args)}}]
        delta = {"role": "assistant", "tool_calls": call} if name else \
            {"role": "assistant", "content": "Done."}
        end = "tool_calls" if name else "stop"
        base = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        use = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not q.get("stream"):
            self.plain(dict(base, object="chat.completion", usage=use, choices=[
                {"index": 0, "message": delta, "finish_reason": end}]))
            return
        self.stream([dict(base, choices=[{"index": 0, "delta": delta, "finish_reason": None}]),
                     dict(base, choices=[{"index": 0, "delta": {}, "finish_reason": end}],
                          usage=use)], b"data: [DONE]\n\n")

    def answer_messages(self, q, name, args):
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}} if name else \
            {"type": "text", "text": ""}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(args)} if name else \
            {"type": "text_delta", "text": "Done."}
        end = "tool_use" if name else "end_turn"
        use = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                   "content": [], "stop_reason": None, "stop_sequence": None, "usage": use}
        if not q.get("stream"):
            self.plain(dict(message, content=[{"type": "text", "text": "Done."}],
                            stop_reason="end_turn"))
            return
        self.stream([
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": None},
             "usage": use},
            {"type": "message_stop"}])

    def answer_responses(self, name, args):
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name,
                "arguments": json.dumps(args)} if name else \
            {"type": "message", "id": "msg_1", "role": "assistant",
             "content": [{"type": "output_text", "text": "Done."}]}
        use = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        self.stream([
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "resp_1", "usage": use}}])

    def answer_gemini(self, name, args):
        part = {"functionCall": {"name": name, "args": args}} if name else {"text": "Done."}
        answer = {"candidates": [{"content": {"role": "model", "parts": [part]},
                                  "finishReason": "STOP", "index": 0}],
                  "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1,
                                    "totalTokenCount": 2}}
        if "stream" in self.path:
            self.stream([answer])
        else:
            self.plain(answer)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
