"""A web page with the picture, the signals and every control: `preview` is the output, `audience` who looks at it,
`site` what HTTP and WebSocket have to do with it."""
