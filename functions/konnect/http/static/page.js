SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  // Swagger's public validator would be sent the document's address.
  validatorUrl: null,
});
