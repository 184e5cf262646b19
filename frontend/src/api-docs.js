// The interactive API documentation: element #swagger-ui with data-spec, the address of the OpenAPI document.
// swagger-ui-bundle.js is loaded before this file and defines SwaggerUIBundle.
const place = document.getElementById("swagger-ui");
const token = document.querySelector('meta[name="csrf-token"]').content;
window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.spec,
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
  requestInterceptor: (request) => ({ ...request, headers: { ...request.headers, "X-CSRFToken": token } }),
});
