// The interface, drawn by Swagger UI out of our own OpenAPI.

SwaggerUIBundle({ url: "openapi.json", dom_id: "#interface", deepLinking: true, validatorUrl: null });
