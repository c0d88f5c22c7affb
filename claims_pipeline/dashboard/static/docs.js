// Apart from the page because the policy forbids scripts inside it.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });
